"""The lessons as pages of the site: their text, code and pictures, and runs that are alive."""

import textwrap
from pathlib import Path

import nbformat
from gallery import frame_of
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from dragkit import course

LISTED = "lessons"
# Which recorded runs stand where a lesson's first widgets stand.
RUNS = {
    "00": ["tour"],
    "03": ["twins"],
    "04": ["tour"],
    "05": ["tour"],
    "06": ["tour-held"],
    "07": ["hidden"],
    "08": ["twins-both"],
    "09": ["hidden", "eye"],
    "10_": ["hasty", "drift"],
    "11": ["chin"],
    "12_": ["claimed"],
    "13": ["twins-learned"],
}
WIDGET = "application/vnd.jupyter.widget-view+json"


def write_lessons(source: Path) -> None:
    """Write a page for every notebook into `source`, and one that lists them."""
    names = []
    for path in course.paths():
        notebook = nbformat.read(path, as_version=4)
        title = _take_title(notebook)
        _put_runs(notebook, path.stem)
        page = source / LISTED / f"{path.stem}.rst"
        page.parent.mkdir(exist_ok=True)
        page.write_text(_heading(title) + _as_html(notebook), encoding="utf-8")
        names.append(f"   {LISTED}/{path.stem}")

    words = (
        "The course as it looks after it was run. Here it is to be read; to work on it, and for"
        " the widgets, set dragkit up as the README says. Where a widget would be there is its"
        " last image, and in most lessons a recorded run that plays without a kernel.\n\n"
    )
    listing = ".. toctree::\n   :maxdepth: 1\n\n" + "\n".join(names) + "\n"
    (source / f"{LISTED}.rst").write_text(_heading("Lessons") + words + listing, encoding="utf-8")


def _take_title(notebook: NotebookNode) -> str:
    """The first heading, which the page has already."""
    first = notebook.cells[0]
    title, _, rest = first.source.partition("\n")
    first.source = rest
    return title.removeprefix("# ").replace("*", "").replace("`", "")


def _put_runs(notebook: NotebookNode, name: str) -> None:
    """Put recorded runs below the images of a lesson's first widgets, or at its end."""
    runs = next((runs for start, runs in RUNS.items() if name.startswith(start)), [])
    places = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and any(_is_widget(output) for output in cell.outputs)
    ]
    for cell in places:
        cell.outputs = [output for output in cell.outputs if not _is_live(output)]
    for number, run in enumerate(runs):
        shown = nbformat.v4.new_output("display_data", {"text/html": frame_of(run)})
        if number < len(places):
            places[number].outputs.append(shown)
        else:
            notebook.cells.append(nbformat.v4.new_code_cell(outputs=[shown]))


def _is_widget(output: NotebookNode) -> bool:
    return WIDGET in output.get("data", {})


def _is_live(output: NotebookNode) -> bool:
    """A widget without an image, which shows nothing where no kernel runs."""
    return _is_widget(output) and not any("image" in kind for kind in output.data)


def _as_html(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    return f".. raw:: html\n\n{textwrap.indent(html, '   ')}\n"


def _heading(title: str) -> str:
    return f"{title}\n{'=' * len(title)}\n\n"
