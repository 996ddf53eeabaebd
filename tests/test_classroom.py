"""Lessons for class-room tools: what is written, and what nbgrader and Otter-Grader make of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator

from dragkit import check
from dragkit.check.lesson13_project import Patch
from dragkit.classroom.questions import question
from dragkit.course import FOLDER, ROOT, has_exercises, main, paths
from dragkit.lessons import exercises

LESSONS = [path for path in paths() if has_exercises(path)]
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


# what an answer earns


def right(x, width, cells):
    return (x + 0.5) * cells / width - 0.5


def without_halves(x, width, cells):
    return x * cells / width


def upside_down(x, width, cells):
    return 7 - (x + 0.5) * cells / width


def test_a_right_answer_earns_all_and_a_known_mistake_half():
    assert check.earned(check.cell, right, points=3) == 3
    assert check.earned(check.cell, without_halves, points=3) == 1.5


@pytest.mark.parametrize(
    "answer", [None, lambda *_: None, upside_down, lambda *case: check.cell.answer(*case)]
)
def test_nothing_an_unknown_mistake_and_the_reference_itself_earn_nothing(answer):
    with pytest.raises(check.Unearned, match="not yet"):
        check.earned(check.cell, answer, points=3)


def test_a_right_answer_that_changes_its_argument_is_a_known_mistake():
    def mix(a, b, rows):
        a[rows:] = b[rows:]
        return a

    assert check.earned(check.mix, mix, points=1) == 0.5


def test_a_tracker_that_follows_but_breaks_a_rule_earns_half():
    class Reversed(Patch):
        def find(self, view, memory, search_centre):
            track = super().find(view, memory, search_centre)
            return type(track)(track.points, track.confidence, -track.scores, memory)

    class Still(Patch):
        def find(self, view, memory, search_centre):
            track = super().find(view, memory, search_centre)
            return type(track)(search_centre, track.confidence, track.scores, memory)

    assert check.earned(check.tracker, Patch(), points=4) == 4
    assert check.earned(check.tracker, Reversed(), points=4) == 2
    with pytest.raises(check.Unearned):
        check.earned(check.tracker, Still(), points=4)


@every_lesson
def test_a_stub_makes_no_mistake_that_earns_anything(path):
    lesson = nbformat.read(path, as_version=4)
    for stub, _ in exercises(lesson):
        asked = lesson.cells[lesson.cells.index(stub) + 1]
        exercise = getattr(check, asked.source.partition("(")[0].removeprefix("check."))
        said = asked.outputs[0].data["text/markdown"]
        known = [words for words in getattr(exercise, "mistakes", {}) if words in said]
        assert known == ([exercise.given] if known else []), said


def test_a_warning_is_not_on_stderr_where_nbgrader_takes_it_for_a_failure(capsys):
    def cell(x, width, cells):
        print("mind the half", file=sys.stderr)  # as Python shows a warning
        return right(x, width, cells)

    assert check.earned(check.cell, cell, points=1) == 1
    said = capsys.readouterr()
    assert said.err == "" and "mind the half" in said.out


# what is written


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """All lessons in both forms."""
    folder = tmp_path_factory.mktemp("written")
    main(["export", "--nbgrader", str(folder / "nbgrader")])
    main(["export", "--otter", str(folder / "otter")])
    return folder


def cells_in(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def points_of(path):
    """How many points each exercise of a lesson has: the dots of its difficulty."""
    lesson = nbformat.read(path, as_version=4)
    cards = [lesson.cells[lesson.cells.index(stub) - 1].source for stub, _ in exercises(lesson)]
    return [card.partition("Difficulty ")[2].partition(" ")[0].count("●") for card in cards]


@every_lesson
def test_nbgrader_takes_its_cells(path, written):
    made = written / "nbgrader/source" / path.stem / path.name
    MetadataValidator().validate_nb(nbformat.read(made, as_version=4))
    kinds = [cell.metadata["nbgrader"] for cell in cells_in(made) if "nbgrader" in cell.metadata]
    assert [kind["solution"] for kind in kinds] == [True, False] * (len(kinds) // 2)
    tests = [kind for kind in kinds if kind["grade"]]
    assert [kind["points"] for kind in tests] == points_of(path) and all(
        kind["locked"] and kind["schema_version"] == 3 for kind in tests
    )


@every_lesson
def test_otters_two_tests_share_the_points(path, written):
    cells = cells_in(written / "otter" / path.stem / path.name)
    tests = [cell.source for cell in cells if "BEGIN TEST CONFIG" in cell.source]
    halves = [float(test.partition("points: ")[2].split()[0]) for test in tests]
    assert halves == [points / 2 for points in points_of(path) for _ in range(2)]
    fences = [c.source.split("\n")[0] for c in cells if c.cell_type == "raw"]
    one = ["BEGIN QUESTION", "BEGIN SOLUTION", "END SOLUTION", "BEGIN TESTS", "END TESTS"]
    one = [f"# {fence}" for fence in [*one, "END QUESTION"]]
    assert fences == ["# ASSIGNMENT CONFIG", *one * (len(tests) // 2)]


@pytest.mark.parametrize("tool", ["nbgrader/source", "otter"])
@every_lesson
def test_the_solutions_are_where_the_tool_takes_them_away_and_nowhere_else(path, tool, written):
    cells = cells_in(written / tool / path.stem / path.name)
    hints = [cell.source for cell in cells if "<summary>Hint" in cell.source]
    answers = [answer for _, answer in exercises(nbformat.read(path, as_version=4))]
    assert len(hints) == len(answers)
    for cell in cells:
        outside, _, rest = cell.source.partition("# BEGIN SOLUTION")
        outside += rest.partition("# END SOLUTION")[2]
        assert "<summary>Solution" not in outside and not cell.get("outputs")
        assert not [answer for answer in answers if answer in outside]


def test_two_exports_are_the_same_and_a_courses_settings_stay(written, tmp_path):
    main(["export", "--nbgrader", str(tmp_path), "01"])
    first = written / "nbgrader/source/01_points/01_points.ipynb"
    again = tmp_path / "source/01_points/01_points.ipynb"
    assert first.read_bytes() == again.read_bytes()

    (tmp_path / "nbgrader_config.py").write_text("mine")
    main(["export", "--nbgrader", str(tmp_path), "02"])
    assert (tmp_path / "nbgrader_config.py").read_text() == "mine"
    assert [path.name for path in (tmp_path / "source").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nbgrader", "x", "00"], "00_tour: no exercise"),
        (["--nbgrader", "x", "nope"], "no notebook begins with nope"),
        (["01"], "--nbgrader --otter is required"),
        (["--nbgrader", "x", "--otter", "y"], "not allowed with"),
    ],
)
def test_what_cannot_be_exported_is_told(arguments, words, capsys):
    with pytest.raises(SystemExit):
        main(["export", *arguments])
    assert words in capsys.readouterr().err and not Path("x").exists()


def test_an_exercise_without_difficulty_or_check_is_told():
    cell = nbformat.v4.new_code_cell
    with pytest.raises(ValueError, match="has no difficulty: 'Write it'"):
        question("Write it", cell("def f(): ..."), cell("check.f(f)"), "")
    asked = question("Difficulty ●●○○○ · …", cell("def f(): ..."), cell("print(f)"), "")
    with pytest.raises(ValueError, match="one call of its check, not 'print"):
        _ = asked.name


def test_the_lecturers_link_opens_a_notebook_that_is_there():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (link,) = [line for line in text.splitlines() if "/git-pull?" in line]
    asked = parse_qs(urlsplit(link).query, strict_parsing=True)
    assert set(asked) == {"repo", "branch", "urlpath"}
    clone = asked["repo"][0].rpartition("/")[2]
    lab, tree, folder, file = asked["urlpath"][0].split("/", 3)
    assert (lab, tree, folder) == ("lab", "tree", clone) and (ROOT / file).exists()


# what the tools make of it

MISTAKEN = {  # each a known mistake
    "cell": "def cell(x, width, cells):\n    return x * cells / width",
    "sample": "def sample(features, x, y):\n    return features[:, int(y), int(x)]",
    "patch": "def patch(features, point, radius):\n    x, y = point\n    return features["
    ":, y - radius : y + radius + 1, x - radius : x + radius + 1].transpose(1, 2)",
}
SOLVED = {  # one warns
    "cell": "def cell(x, width, cells):\n    import warnings\n\n    warnings.warn('mind')\n"
    "    return (x + 0.5) * cells / width - 0.5"
}
STUDENTS = {"solved": SOLVED, "untouched": {}, "mistaken": MISTAKEN}
EARNED = {
    "solved": {"cell": 1, "sample": 3, "patch": 2},
    "untouched": {"cell": 0, "sample": 0, "patch": 0},
    "mistaken": {"cell": 0.5, "sample": 1.5, "patch": 1},
}


def answered(released, student):
    """A student's notebook: what was released, with the student's answers in the stubs."""
    notebook = nbformat.read(released, as_version=4)
    lesson = nbformat.read(FOLDER / "01_points.ipynb", as_version=4)
    ours = [answer for _, answer in exercises(lesson)]
    answers = dict(zip(SOLVED | MISTAKEN, ours, strict=True)) if student == "solved" else {}
    answers |= STUDENTS[student]
    stubs = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    for stub, name in zip(stubs, MISTAKEN, strict=True):
        stub.source = answers.get(name, stub.source)
    return notebook


def tool(folder, *words):
    """Run a tool of this Python's environment in a folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    settings |= {"JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", *words]
    answer = subprocess.run(
        command, cwd=folder, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.slow
def test_nbgrader_gives_all_points_half_and_none(tmp_path):
    main(["export", "--nbgrader", str(tmp_path), "01"])
    tool(tmp_path, "nbgrader", "generate_assignment", "01_points")
    released = tmp_path / "release/01_points/01_points.ipynb"
    assert "SOLUTION" not in released.read_text(encoding="utf-8")
    for student in STUDENTS:
        handed_in = tmp_path / "submitted" / student / "01_points/01_points.ipynb"
        handed_in.parent.mkdir(parents=True)
        nbformat.write(answered(released, student), handed_in)

    tool(tmp_path, "nbgrader", "autograde", "01_points")
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        found = {
            each.student.id: {
                grade.name.removesuffix("-points"): grade.auto_score
                for grade in each.notebooks[0].grades
            }
            for each in book.assignment_submissions("01_points")
        }
    assert found == EARNED


@pytest.mark.slow
@pytest.mark.long
def test_otter_gives_all_points_half_and_none(tmp_path):
    main(["export", "--otter", str(tmp_path), "01"])
    folder = tmp_path / "01_points"
    tool(folder, "otter", "assign", "01_points.ipynb", "dist")  # also tries our solutions
    released = folder / "dist/student/01_points.ipynb"
    assert "return (x + 0.5)" not in released.read_text(encoding="utf-8")
    (grader,) = (folder / "dist/autograder").glob("*.zip")

    for student, earned in EARNED.items():
        out = tmp_path / student
        out.mkdir()
        nbformat.write(answered(released, student), out / "01_points.ipynb")
        tool(out, "otter", "run", "01_points.ipynb", "-a", str(grader), "-o", ".")
        tests = json.loads((out / "results.json").read_text())["tests"]
        scores = {test["name"]: test["score"] for test in tests if test["name"] in earned}
        assert scores == earned, student
