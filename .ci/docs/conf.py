"""How `python3 run.py docs` builds the site: the API reference, a guide, lessons, a gallery.

A broken reference is an error, and so is a public name that has no entry.
"""

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # Sphinx executes this file, it does not import it

from gallery import write_gallery
from lessons import write_lessons
from nbconvert.filters.markdown_mistune import markdown2html_mistune

import dragkit

project = "dragkit"
author = "dragkit contributors"
copyright = "dragkit contributors"

extensions = ["sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "dragkit"

# Docstrings are in Google's style; types stand in the signatures.
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "exclude-members": "set",  # Matplotlib writes it for subclasses of Figure
}
autodoc_inherit_docstrings = False
default_role = "code"  # `name` is code

GUIDE = Path(dragkit.__file__).with_name("BRING_YOUR_OWN.md")
GUIDE_NAME = "bring_your_own"  # among the pages

# Other packages' names are not in our reference.
OTHERS = "torch|numpy|collections|matplotlib|PIL|pandas|ipywidgets|ipycanvas|argparse|nbformat"
nitpick_ignore_regex = [
    (r"py:.*", rf"({OTHERS}|abc|typing|pathlib|concurrent|diffusers|W)\b.*"),
    (r"py:class", "Tensor"),
]


def write_guide(app) -> None:
    """Write the guide among Sphinx's pages: its headings as Sphinx's own, the rest as HTML."""
    text = GUIDE.read_text(encoding="utf-8")
    title, _, body = text.removeprefix("# ").partition("\n")
    start, *sections = re.split(r"^## (.+)$", body, flags=re.MULTILINE)

    parts = [_heading(title, "="), _as_html(start)]
    for heading, content in zip(sections[::2], sections[1::2]):
        parts += [_heading(heading, "-"), _as_html(content)]
    page = Path(app.srcdir, f"{GUIDE_NAME}.rst")
    page.write_text("\n".join(parts), encoding="utf-8")


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _as_html(markdown: str) -> str:
    html = markdown2html_mistune(markdown)
    return f".. raw:: html\n\n{textwrap.indent(html, '   ')}\n"


def write_pages(app) -> None:
    """Write the lessons and the gallery."""
    write_lessons(Path(app.srcdir))
    write_gallery(Path(app.outdir), Path(app.srcdir))


def list_pages(_app, page: str, source: list[str]) -> None:
    """Put our pages into the list of contents, which apidoc writes for the packages alone."""
    if page == "index":
        names = "".join(f"   {name}\n" for name in (GUIDE_NAME, "lessons", "gallery"))
        source[0] = f"{source[0].rstrip()}\n{names}"


def read_list_again(_app, _env, _added, _changed, _removed) -> list[str]:
    """Read the list of contents in every build: an older build's may lack the guide."""
    return ["index"]


def escape_bars(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Let |x| be an absolute value: reStructuredText would look for a substitution."""
    in_math = False
    for i, line in enumerate(lines):
        if line.strip().startswith(".. math::"):
            in_math = True
        elif line.strip() and not line.startswith(" "):
            in_math = False
        if not in_math:
            parts = re.split(r"(:math:`[^`]*`|``[^`]*``|`[^`]*`)", line)
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[i] = "".join(parts)


def find_where_it_is_defined(app, env, node, contnode):
    """Resolve names as Python does: ``dragkit.drag`` is ``dragkit.loop.drag``."""
    found = _object(node.get("reftarget", ""), node.get("py:module"))
    if found is None:
        return None
    name = found.__name__
    if not inspect.ismodule(found):
        name = f"{found.__module__}.{found.__qualname__}"
    domain = env.get_domain("py")
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], name, node, contnode
    )


def _object(target: str, module: str | None):
    """The object that `target` names, in `module` or from the top."""
    for name in (f"{module}.{target}", target):
        parts = name.split(".")
        for i in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:i]))
                for part in parts[i:]:
                    found = getattr(found, part)
            except (ImportError, AttributeError, ValueError):
                continue
            if hasattr(found, "__qualname__") or inspect.ismodule(found):
                return found
    return None


def check_public_names(app, _error) -> None:
    """Every name of ``import dragkit`` has an entry."""
    objects = app.env.get_domain("py").objects
    for name in dir(dragkit):
        found = getattr(dragkit, name)
        if name.startswith("_") or not getattr(found, "__module__", "").startswith("dragkit"):
            continue
        if f"{found.__module__}.{found.__qualname__}" not in objects:
            raise ValueError(f"dragkit.{name} has no entry in the API reference")


def setup(app) -> None:
    """Sphinx calls this."""
    app.connect("builder-inited", write_guide)
    app.connect("builder-inited", write_pages)
    app.connect("source-read", list_pages)
    app.connect("env-get-outdated", read_list_again)
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("missing-reference", find_where_it_is_defined)
    app.connect("build-finished", check_public_names)
