"""The HTML file itself: a template, a style sheet, scripts and data, under a strict policy."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from .. import arguments
from ..atomic import place_for, write_file
from .contents import page_contents
from .recording import Recording

SCRIPTS = (  # in one module or function, where `root` is known; each uses those before it
    *("dom.js", "run.js", "marks.js", "zoom.js", "stage.js", "panels.js", "legend.js"),
    *("chart.js", "maps.js", "settings.js", "transport.js", "page.js"),
)
STYLES = ("drawings.css", "page.css")  # what depends on the width comes last
MARK = b'<meta name="generator" content="dragkit">'  # near the beginning of every page
BEGINNING = 400  # bytes in which it stands


def write_page(path: Any, title: str, recordings: Sequence[Recording]) -> Path:
    """Write a page of one run or several; returns the path.

    Raises:
        TypeError: `path` is none.
        ValueError: it has another ending than .html.
        FileExistsError: a file is there that is no page of dragkit's.
        OSError: it cannot be written; what was there is still there.
    """
    path = arguments.path("path", path)
    if path.suffix != ".html":
        raise ValueError(f"{path} must end in .html")
    _check_taken(path)
    return write_file(path, document(page_contents(title, recordings)))


def _check_taken(path: Path) -> None:
    """Raise FileExistsError if a page would take the place of something else."""
    target = place_for(path)
    if target.exists() and not _is_page(target):
        raise FileExistsError(
            f"{path} exists already, and is no page that dragkit wrote; choose another name, or"
            " move it away"
        )


def document(contents: Mapping[str, Any]) -> str:
    """The HTML of a page with these contents; the same contents have the same HTML."""
    style = "\n".join(map(read, STYLES))
    scripts = "\n".join(f"// {name}\n\n{read(name)}" for name in (*SCRIPTS, "open.js"))
    script = f"const root = document;\n\n{scripts}"
    return Template(read("page.html")).substitute(
        policy=_policy(style, f"\n{script}"),
        style=style,
        body=read("body.html"),
        script=script,
        data=as_data(contents),
    )


def as_data(contents: Any) -> str:
    """JSON in which no character can end a script: < and > and & and all beyond ASCII escaped."""
    text = json.dumps(contents, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(style: str, script: str) -> str:
    """What a browser lets the page do: run this script and this style, and show its own data."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {source_hash(script)}",
            f"style-src {source_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def source_hash(text: str) -> str:
    """What a content-security policy knows a script or a style sheet by."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def read(name: str) -> str:
    """A file beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _is_page(file: Path) -> bool:
    with file.open("rb") as opened:
        return MARK in opened.read(BEGINNING)
