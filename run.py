"""Set dragkit up and start it, on Linux, macOS and Windows, with nothing but Python and git.

    python3 run.py lab  [options of jupyter lab]   set up, then open the course's first notebook
    python3 run.py test [options of pytest]        set up, then run the tests
    python3 run.py check                           set up, then lint, check formatting and types
    python3 run.py docs                            set up, then build the API reference
    python3 run.py setup                           set up, and check that all packages fit

The set-up goes into .venv beside this file and takes minutes once; after that each command
goes straight to work, until environment.yml (the one place of pinned versions) changes.
"""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (stands above all that an old Python cannot read)
    sys.exit(
        f"dragkit needs Python 3.11 or newer, and this is {sys.version.split()[0]}.\n"
        "Start run.py with another one, for example: python3.11 run.py lab"
    )

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "dragkit-stamp.txt"
TOUR = "notebooks/00_tour.ipynb"
COMMANDS = {  # each runs these modules of .venv, one after the other; the last gets the options
    "lab": [["jupyterlab", "--ServerApp.root_dir=.", f"--ServerApp.file_to_run={TOUR}"]],
    "test": [["pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]],
    "check": [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    "docs": [
        [
            *("sphinx.ext.apidoc", "--force", "--separate", "--tocfile", "index"),
            *("-o", "build/api", "dragkit"),
        ],
        ["sphinx", "-n", "-W", "--keep-going", "-c", ".ci/docs", "build/api", "build/docs"],
    ],
    "setup": [["pip", "check"]],
}

STARTING = f"""Setting up {VENV}: 1 to 10 minutes, once. It takes 2 GB of disk, or several more
where pip picks the CUDA build of torch (README.md says how to choose the small one)."""
NO_VENV = "On Debian and Ubuntu, `sudo apt install python3-venv` may help; else delete .venv."
NO_PIP = """Is the network up? Is the disk full?
Is this Python too new for the pinned packages (3.11 is the one they are tested with)?
Then run the same command again; what was downloaded is kept."""


def requirements(text: str) -> list[str]:
    """The pip list of an environment.yml, which is the last thing in the file."""
    lines = (line.split("#")[0].strip() for line in text.partition("- pip:\n")[2].splitlines())
    return [line[2:] for line in lines if line.startswith("- ")]


def set_up() -> None:
    """Make .venv hold what environment.yml asks for; the stamp says that it does.

    The stamp is written last: without one, .venv is new or half made and is made afresh. It names
    this folder too, because a checkout that was moved has to be linked into .venv again.
    """
    wanted = requirements((ROOT / "environment.yml").read_text(encoding="utf-8"))
    key = hashlib.sha256("\n".join([str(ROOT), *wanted]).encode()).hexdigest()
    finished = PYTHON.exists() and STAMP.exists()
    if finished and STAMP.read_text() == key:
        return
    print(STARTING, flush=True)
    if not finished:
        if Path(sys.prefix) == VENV:
            sys.exit("This Python is the unfinished .venv's own: type `deactivate`, try again.")
        step([sys.executable, "-m", "venv", "--clear", VENV], NO_VENV)
    STAMP.unlink(missing_ok=True)
    step([PYTHON, "-m", "pip", "install", *" ".join(wanted).split()], NO_PIP)
    STAMP.write_text(key)


def step(command: list, advice: str) -> None:
    """Run one step of the set-up, or stop with advice on its failure."""
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(f"\nThe set-up stopped; the reason stands above. {advice}")


def start(module: str, *arguments: str) -> int:
    """Run a module of .venv in the foreground; Ctrl-C and termination are the child's to answer.

    OpenMP's threads wait asleep (PASSIVE): spinning, they slow torch down threefold on two cores.
    """
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    child = subprocess.Popen([PYTHON, "-m", module, *arguments], cwd=ROOT, env=environment)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    return child.wait()


if __name__ == "__main__":
    name, *extra = sys.argv[1:] or ["help"]
    if name not in COMMANDS:
        sys.exit(__doc__)
    try:
        set_up()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Run the same command again: it starts over where that is needed.")
    *first, last = COMMANDS[name]
    failed = [start(*command) for command in first]
    sys.exit(start(*last, *extra) or max(failed, default=0))
