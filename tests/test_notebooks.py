"""Every notebook runs from top to bottom, open and solved, and what is committed reads well
without a kernel.
"""

import base64
import json
import re

import nbformat
import pytest

from dragkit.course import FOLDER, LIVE, ROOT, execute, main, paths
from dragkit.lessons import FOLD, exercises, lines_to_write, solved

NOTEBOOKS = paths()
LESSONS = [path for path in NOTEBOOKS if list(exercises(nbformat.read(path, as_version=4)))]


def cells(path, kind) -> list[nbformat.NotebookNode]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def bundles(path) -> list[dict]:
    """The data of every output."""
    return [o.data for c in cells(path, "code") for o in c.outputs if "data" in o]


def verdicts(notebook):
    """What the checks said, in order."""
    texts = [
        o.data.get("text/markdown", "")
        for c in notebook.cells
        if c.cell_type == "code"
        for o in c.outputs
        if "data" in o
    ]
    return [text for text in texts if text.startswith(("✔", "✘"))]


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)


def test_it_begins_with_the_tour_that_run_py_opens():
    assert NOTEBOOKS[0].stem == "00_tour" and "notebooks/00_tour.ipynb" in (
        ROOT / "run.py"
    ).read_text(encoding="utf-8")


@pytest.mark.slow
@every_notebook
def test_it_runs_from_top_to_bottom_and_the_solutions_are_right(path, tmp_path):
    said = verdicts(execute(path, tmp_path, solve=True))
    assert len(said) >= len(list(exercises(nbformat.read(path, as_version=4)))) and all(
        verdict.startswith("✔") for verdict in said
    ), said


@every_lesson
def test_open_it_ran_too_and_every_check_said_not_yet(path):
    """As it is committed; tests/browser/test_course.py runs it so."""
    notebook = nbformat.read(path, as_version=4)
    said = verdicts(notebook)
    assert len(said) >= len(list(exercises(notebook))) and all(
        "not yet" in verdict for verdict in said
    ), said


def plural(count, word):
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def counted(stub, answer):
    return plural(lines_to_write(stub, answer), "line")


def work(path):
    """How much there is to write in a lesson: "2 exercises, 7 lines"."""
    pairs = list(exercises(nbformat.read(path, as_version=4)))
    lines = sum(lines_to_write(stub, answer) for stub, answer in pairs)
    return f"{plural(len(pairs), 'exercise')}, {plural(lines, 'line')}"


def test_lines_to_write_are_those_that_the_stub_lacks():
    stub = nbformat.v4.new_code_cell('def f(x):\n    """What it does."""\n    y = x')
    answer = "def f(x):\n    y = x\n\n    z = y + 1\n    return z\n"
    assert lines_to_write(stub, answer) == 2


@every_lesson
def test_the_first_cell_and_the_lecturers_table_say_how_much_there_is_to_write(path):
    assert f"*{work(path)} to write · needs " in cells(path, "markdown")[0].source
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"({path.name}) | {work(path)} |" in table


@every_notebook
def test_no_card_promises_minutes(path):
    cards = [c.source for c in cells(path, "markdown") if "Difficulty" in c.source]
    assert not [text for text in [cells(path, "markdown")[0].source, *cards] if "minute" in text]


@every_lesson
def test_every_exercise_has_a_card_a_check_hints_and_a_solution(path):
    notebook = nbformat.read(path, as_version=4)
    for stub, answer in exercises(notebook):
        at = notebook.cells.index(stub)
        card = notebook.cells[at - 1].source
        assert "Difficulty ●" in card and f" · {counted(stub, answer)}\n" in card
        assert notebook.cells[at + 1].source.startswith("check.")
        folds = dict(FOLD.findall(notebook.cells[at + 2].source))
        assert "Hint" in folds and any(name.startswith("Help") for name in folds)
        assert answer != stub.source and "def " in answer


def test_a_notebook_whose_stubs_and_solutions_do_not_match_is_told():
    stub = nbformat.v4.new_code_cell("def f(): ...", metadata={"tags": ["exercise"]})
    fold = nbformat.v4.new_markdown_cell(
        "<details><summary>Solution</summary>\n\n```python\ndef f(): return 1\n```\n\n</details>"
    )
    book = nbformat.v4.new_notebook(cells=[stub, fold])
    assert (
        solved(book).cells[0].source == "def f(): return 1"
        and book.cells[0].source == "def f(): ..."
    )
    for cells in ([stub], [fold], [stub, stub, fold]):
        with pytest.raises(ValueError, match="no (solution|exercise)"):
            solved(nbformat.v4.new_notebook(cells=cells))


@every_notebook
def test_it_is_committed_as_it_ran(path):
    code = cells(path, "code")
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert not [o for c in code for o in c.outputs if o.output_type in ("error", "stream")]
    assert "widgets" not in nbformat.read(path, as_version=4).metadata


@every_notebook
def test_it_is_small_and_its_images_are_still(path):
    assert len(nbformat.read(path, as_version=4).cells) <= 25
    assert path.stat().st_size <= 600_000
    kinds = {
        kind for data in bundles(path) for kind in data if kind.startswith(("image", "video"))
    }
    assert kinds <= {"image/png", "image/jpeg"}


@every_notebook
def test_where_a_widget_stands_there_is_a_image(path):
    for cell in cells(path, "code"):
        data = [output.get("data", {}) for output in cell.outputs]
        for number, shown in enumerate(data):
            if LIVE in shown:
                assert data[number + 1 :], cell.source
                still = base64.b64decode(data[number + 1]["image/jpeg"])
                assert still.startswith(b"\xff\xd8")


@every_notebook
def test_it_names_no_place_on_this_machine(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    texts = re.sub(r'"image/\w+": ?"[^"]*"', "", json.dumps(notebook))
    assert not re.findall(
        r"(?<![\w.])/(?:home|Users|root|tmp|work|var|opt)/[^\s\"\\]*|[A-Z]:\\\\", texts
    )


@every_notebook
def test_its_texts_and_cells_are_short(path):
    for cell in cells(path, "markdown"):
        # tables, and what the first cell says of the lesson, are looked up, not read
        prose = re.sub(r"^(\|.*|\*\d.*\*)$", "", FOLD.sub("", cell.source), flags=re.MULTILINE)
        assert len(prose.split()) <= 60, cell.source[:60]
    for cell in cells(path, "code"):
        assert len(cell.source.splitlines()) <= 20, cell.source[:60]


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", FOLDER / "README.md"]
PAGES += (ROOT / "dragkit").rglob("*.md")


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_its_links_lead_somewhere(path):
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
    else:
        text = "\n".join(c.source for c in cells(path, "markdown"))
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    for link in links:
        assert (path.parent / link).exists(), link

    named = re.findall(r"`([\w/]+\.(?:ipynb|md|py))`", text)
    for file in named:
        if "/" in file:
            places = (path.parent, ROOT, ROOT / "dragkit")
            assert any((place / file).exists() for place in places), file


def test_a_name_that_fits_no_notebook_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["run", "nope"])
    assert "no notebook begins with nope" in capsys.readouterr().err
