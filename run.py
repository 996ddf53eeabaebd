"""Set dragkit up and start it, on Linux, macOS and Windows, with nothing but Python and git.

    python3 run.py lab  [options of jupyter lab]   set up, then open the course's first notebook
    python3 run.py test [options of pytest]        set up, then run the tests
    python3 run.py check                           set up, then lint, check formatting and types
    python3 run.py docs                            set up, then build the API reference
    python3 run.py setup                           set up, and check that all packages fit
    python3 run.py lock                            write locks/ again, after environment.yml

The set-up goes into .venv beside this file and takes minutes once; after that each command
goes straight to work, until locks/ changes: every package's version and hashes, made from
environment.yml, which is the one place to edit.
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
PACKAGES = ROOT / "locks/packages.txt"
TORCH_CPU = ROOT / "locks/torch-cpu.txt"
TORCH_DEFAULT = ROOT / "locks/torch-default.txt"
JUPYTER = ROOT / ".ci/jupyter"  # settings: what the class-room tools add to JupyterLab is off
TOUR = "notebooks/00_tour.ipynb"
UPLOAD_MB = 100  # of an image that is given to a widget; Jupyter's own limit is about 9
MESSAGE = f"{{'websocket_max_message_size': {(UPLOAD_MB + 10) * 1000**2}}}"
COMMANDS = {  # each runs these modules of .venv, one after the other; the last gets the options
    "lab": [
        [
            *("jupyterlab", "--ServerApp.root_dir=.", f"--ServerApp.file_to_run={TOUR}"),
            f"--ServerApp.tornado_settings={MESSAGE}",
        ]
    ],
    "test": [["pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]],
    "check": [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    "docs": [
        [
            *("sphinx.ext.apidoc", "--force", "--remove-old", "--separate", "--tocfile", "index"),
            *("-o", "build/api", "dragkit"),
        ],
        [
            *("sphinx", "-j", "auto", "-n", "-W", "--keep-going", "-c", ".ci/docs"),
            *("build/api", "build/docs"),
        ],
    ],
    "setup": [["pip", "check"]],
    "lock": [["locks.renew"]],
}

STARTING = f"""Setting up {VENV}: 1 to 10 minutes, once. It takes 2 GB of disk, or several more
where pip picks the CUDA build of torch (README.md says how to choose the small one)."""
CPU_BUILD = """
Looking for torch's CPU build, 200 MB. An error here says why it cannot be had, nothing more ..."""
DEFAULT_BUILD = """
So the default build comes: on Linux that is CUDA's, several GB more. Ctrl-C stops here; README.md
says how to tell pip where the small one is."""
NO_VENV = "On Debian and Ubuntu, `sudo apt install python3-venv` may help; else delete .venv."
NO_PIP = """Is the network up? Is the disk full?
Is this Python too new for the pinned packages (3.11 is the one they are tested with)?
Then run the same command again; what was downloaded is kept.
If a hash does not match, a package is not the one that was locked: do not install it by hand."""
STALE = """environment.yml was edited, and locks/ is from before: run `python3 run.py lock`.
If you did not edit it, `git checkout environment.yml locks` brings back the two that fit."""


def requirements(text: str) -> list[str]:
    """The pip list of an environment.yml, which is the last thing in the file."""
    lines = (line.split("#")[0].strip() for line in text.partition("- pip:\n")[2].splitlines())
    return [line[2:] for line in lines if line.startswith("- ")]


def fingerprint(wanted: list[str]) -> str:
    """What locks/packages.txt says of the list it was made from."""
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()


def check_locks() -> None:
    """Stop if environment.yml's list is not the one that locks/ was made from."""
    wanted = requirements((ROOT / "environment.yml").read_text(encoding="utf-8"))
    if fingerprint(wanted) not in PACKAGES.read_text(encoding="utf-8"):
        sys.exit(STALE)


def set_up() -> None:
    """Make .venv hold what locks/ lists; the stamp says that it does.

    The stamp is written last: without one, .venv is new or half made and is made afresh. It names
    this folder too, because a checkout that was moved has to be linked into .venv again.
    """
    locks = (PACKAGES, TORCH_CPU, TORCH_DEFAULT)
    locked = [path.read_text(encoding="utf-8") for path in locks]
    key = hashlib.sha256("\n".join([str(ROOT), *locked]).encode()).hexdigest()
    finished = PYTHON.exists() and STAMP.exists()
    if finished and STAMP.read_text() == key:
        return

    print(STARTING, flush=True)
    if not finished:
        if Path(sys.prefix) == VENV:
            sys.exit("This Python is the unfinished .venv's own: type `deactivate`, try again.")
        step([sys.executable, "-m", "venv", "--clear", VENV], NO_VENV)
    STAMP.unlink(missing_ok=True)
    install()
    STAMP.write_text(key)


def install() -> None:
    """Install what locks/ lists into .venv, and link dragkit there.

    Only wheels whose hashes are listed: building from source would fetch unlisted tools. The lists
    are complete, so pip need not look for dependencies. The CPU build of torch is tried first: pip
    finds it only where somebody told it to look, which says that it is wanted.
    """
    pip = [PYTHON, "-m", "pip", "install", "--no-deps"]
    listed = [*pip, "--require-hashes", "--only-binary", ":all:", "--requirement"]

    step([*listed, PACKAGES], NO_PIP)
    print(CPU_BUILD, flush=True)
    if subprocess.run([*listed, TORCH_CPU, "-qq"], cwd=ROOT, check=False).returncode:
        print(DEFAULT_BUILD, flush=True)
        step([*listed, TORCH_DEFAULT], NO_PIP)
    step([*pip, "--no-build-isolation", "--editable", "."], NO_PIP)


def step(command: list, advice: str) -> None:
    """Run one step of the set-up, or stop with advice on its failure."""
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(f"\nThe set-up stopped; the reason stands above. {advice}")


def start(module: str, *arguments: str) -> int:
    """Run a module of .venv in the foreground; Ctrl-C and termination are the child's to answer.

    OpenMP's threads wait asleep (PASSIVE): spinning, they slow torch down threefold on two cores.
    """
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    if module == "jupyterlab":
        environment["DRAGKIT_UPLOAD_MB"] = str(UPLOAD_MB)  # the widgets say it
        yours = environment.get("JUPYTER_CONFIG_PATH", "")  # the first folder wins
        environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [yours, str(JUPYTER)]))
    child = subprocess.Popen([PYTHON, "-m", module, *arguments], cwd=ROOT, env=environment)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    return child.wait()


if __name__ == "__main__":
    name, *extra = sys.argv[1:] or ["help"]
    if name not in COMMANDS:
        sys.exit(__doc__)
    if name != "lock":
        check_locks()
    try:
        set_up()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Run the same command again: it starts over where that is needed.")
    *first, last = COMMANDS[name]
    failed = [start(*command) for command in first]
    sys.exit(start(*last, *extra) or max(failed, default=0))
