"""Every lesson as a new student meets it.

Run all, answer wrong and then right, use its widget by keyboard and mouse. The screenshots are
saved as runs/course_*.png.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from person import Lab

from dragkit.course import FOLDER, paths
from dragkit.lessons import exercises

pytestmark = pytest.mark.slow
ROOT = FOLDER.parent
OFTEN = {"03_nearest_neighbour", "08_learning_a_tracker", "12b_the_number_itself"}
WITHOUT_WIDGET = {"12b_the_number_itself"}  # tables and figures alone


def lessons():
    """Those with exercises; most in the longer round, as every notebook is executed anyway."""
    for path in paths():
        if list(exercises(nbformat.read(path, as_version=4))):
            marks = () if path.stem in OFTEN else pytest.mark.long
            yield pytest.param(path, marks=marks, id=path.stem)


class Lesson(Lab):
    """A lesson in JupyterLab, all of it run."""

    def __init__(self, page, url, file):
        super().__init__(page, url, file)
        self.notebook = nbformat.read(file, as_version=4)
        self.run_all()

    def write(self, i, source):
        """Write another source into cell `i` and run it."""
        self.page.evaluate(
            "([i, s]) =>"
            " {const notebook = window.jupyterapp.shell.currentWidget.content;"
            " notebook.widgets[i].model.sharedModel.setSource(s)}",
            [i, source],
        )
        self.run_cell(i)

    def says(self, i):
        """The text of a cell's outputs."""
        return " ".join(str(o.get("data", {}).get("text/markdown", "")) for o in self.outputs()[i])

    def shot(self, name, at):
        (ROOT / "runs").mkdir(exist_ok=True)
        at.scroll_into_view_if_needed()
        self.page.screenshot(path=ROOT / "runs" / f"course_{name}.png")


def step_by_key(page, widget):
    """The arrow keys show another step on some slider; a run may stand at its first or last."""
    status = lambda: " ".join(widget.locator("[role=status]").all_inner_texts())
    before, handles = status(), widget.locator(".noUi-handle")
    for i in range(handles.count()):
        for key in ("ArrowLeft", "ArrowRight"):
            if handles.nth(i).is_visible():
                handles.nth(i).focus()
                page.keyboard.press(key)
                page.wait_for_timeout(1500)
            if status() != before:
                return
    raise AssertionError(f"no slider changes {before!r}")


@pytest.fixture
def lesson(lab, page, request):
    folder, url = lab
    shutil.copytree(ROOT / "data/images", folder / "data/images")
    name = f"notebooks/{request.param.name}"
    (folder / "notebooks").mkdir()
    notebook = nbformat.read(request.param, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, folder / name)
    return Lesson(page, url(name), folder / name)


@pytest.mark.parametrize("lesson", list(lessons()), indirect=True)
def test_a_student_answers_wrong_then_right_and_looks_inside(lesson):
    assert not [o for outputs in lesson.outputs() for o in outputs if o["output_type"] == "error"]
    stub, solution = next(exercises(lesson.notebook))
    i = lesson.notebook.cells.index(stub)
    assert "not yet" in lesson.says(i + 1)
    name = re.search(r"^(?:def|class) (\w+)", stub.source, re.MULTILINE)[1]
    lesson.write(i, f"{name} = lambda *given: 0")
    lesson.run_cell(i + 1)
    assert not [o for o in lesson.outputs()[i] if o["output_type"] == "error"]
    assert "not yet" in lesson.says(i + 1) and "returns nothing" not in lesson.says(i + 1)
    lesson.write(i, solution)
    lesson.run_cell(i + 1)
    assert "✔" in lesson.says(i + 1)
    stem = Path(lesson.file).stem
    lesson.shot(f"{stem}_check", lesson.page.locator(".jp-Notebook-cell").nth(i + 1))
    if stem in WITHOUT_WIDGET:
        return

    widget = lesson.page.locator(".dk:not(.dk .dk)").last  # a studio holds a picker and a player
    lesson.shot(f"{stem}_widget", widget)
    step_by_key(lesson.page, widget)
    canvas = widget.locator("canvas").first
    canvas.click()
    box = canvas.bounding_box()
    lesson.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    assert not widget.locator("[role=alert]").count()
