"""How far dragkit reaches: everyday work asks nobody on the network, starts no program but one
that lists fonts, and writes into the working folder and the user's cache alone.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dragkit

EVERYDAY = Path(__file__).with_name("everyday.py")
FONT_LISTS = {"fc-list", "system_profiler"}  # Matplotlib's, when it is used for the first time
BY_OTHERS = [  # torch and Matplotlib make an empty folder; Python tries whether it may write
    r"tmp/torchinductor_[^/]+",
    r"home/\.config(/matplotlib)?",
    r"tmp/[a-z0-9_]{8}",
]


def run_in(folder: Path, *arguments: str) -> dict[str, list[str]]:
    """Run Python in `folder`/work, with a home and a temporary folder of its own beside it; what
    it noted.
    """
    home, tmp, work = folder / "home", folder / "tmp", folder / "work"
    for path in (home, tmp, work):
        path.mkdir()
    homes = {"HOME": home, "USERPROFILE": home, "LOCALAPPDATA": home / ".cache"}
    temporary = dict.fromkeys(["TMPDIR", "TEMP", "TMP"], tmp)
    search = os.pathsep.join([str(Path(dragkit.__file__).parent.parent), str(EVERYDAY.parent)])
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MPL", "TORCH"))}
    ours = {"PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"}

    environment = {**kept, **ours, **{k: str(v) for k, v in (homes | temporary).items()}}
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=work, env=environment, check=True, capture_output=True)
    return json.loads((work / "noted.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("everyday").resolve()


@pytest.fixture(scope="module")
def noted(folder):
    return run_in(folder, str(EVERYDAY))


@pytest.mark.slow
def test_nobody_on_the_network_is_asked(noted):
    assert noted["network"] == []


@pytest.mark.slow
def test_no_program_is_started_but_one_that_lists_fonts(noted):
    assert {Path(program).name for program in noted["programs"]} <= FONT_LISTS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="caches are in other places there")
def test_only_the_working_folder_and_the_cache_are_written_to(noted, folder):
    paths = {line.partition(" ")[2] for line in noted["written"]}
    assert str(folder / "work/run.json") in paths  # the notes are not empty
    elsewhere = {path for path in paths - {os.devnull} if not inside(path, folder)}
    relative = {os.path.relpath(path, folder) for path in elsewhere}
    assert not [p for p in relative if not any(re.fullmatch(each, p) for each in BY_OTHERS)]

    files = {str(path) for path in folder.rglob("*") if path.is_file()}
    assert len(files) > 10
    assert not [path for path in files if not inside(path, folder)], "what others made is empty"


def inside(path: str, folder: Path) -> bool:
    """Whether a path is in the working folder or in the user's cache, or one of the two."""
    return any(Path(path).is_relative_to(folder / name) for name in ("work", "home/.cache"))


CULPRIT = """
import os, socket, subprocess, sys, everyday
from pathlib import Path
sys.addaudithook(everyday.note)
try: socket.create_connection(("localhost", 9), timeout=1)
except OSError: pass
subprocess.run([sys.executable, "-c", ""])
home = Path.home()
(home / "kept.txt").write_text("a")
(home / "kept.txt").rename(home / "moved.txt")
(home / "folder").mkdir()
Path("noted.json").write_text(__import__("json").dumps(everyday.noted))
"""


def test_the_notes_have_what_a_culprit_does(tmp_path):
    noted = run_in(tmp_path, "-c", CULPRIT)
    home = (tmp_path / "home").resolve()
    assert any("getaddrinfo" in line for line in noted["network"])
    assert any("socket.connect" in line for line in noted["network"])
    assert noted["programs"] == [sys.executable]
    assert noted["written"][:4] == [
        f"open {home / 'kept.txt'}",
        f"os.rename {home / 'kept.txt'}",
        f"os.rename {home / 'moved.txt'}",
        f"os.mkdir {home / 'folder'}",
    ]
