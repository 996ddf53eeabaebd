"""One place of pinned versions, inside what pyproject.toml admits, and the set-up made of it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import run

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "environment.yml").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load(TEXT)
PIP = ENVIRONMENT["dependencies"][-1]["pip"]
PINS = {canonicalize_name(Requirement(line).name): line for line in PIP if line != "-e ."}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RANGES = [
    Requirement(line)
    for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in group
]
TOP_LEVEL = {
    *("notebooks", "dragkit", "data", "tests", "environment.yml", "README.md", "run.py"),
    *("pyproject.toml", "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"),
    *("SECURITY.md", "locks", ".gitignore", ".gitattributes", ".pre-commit-config.yaml", ".ci"),
}


def test_conda_gets_python_pip_and_the_list():
    assert ENVIRONMENT["name"] == "dragkit"
    assert ENVIRONMENT["channels"] == ["conda-forge"]
    assert ENVIRONMENT["dependencies"] == ["python=3.11", "pip", {"pip": PIP}]


def test_every_pin_is_exact():
    assert PIP[-1] == "-e ."
    for line in PINS.values():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==\d+(\.\d+)+", line), line
    assert len(PINS) == len(PIP) - 1, "a package is pinned twice"


def test_run_reads_exactly_the_pip_list():
    assert run.requirements(TEXT) == PIP


@pytest.mark.parametrize("wanted", RANGES, ids=str)
def test_each_dependency_is_pinned_within_its_range(wanted):
    pin = PINS.get(canonicalize_name(wanted.name))
    assert pin, f"{wanted.name} is in pyproject.toml but not pinned in environment.yml"
    assert wanted.specifier.contains(pin.partition("==")[2]), f"{pin} is outside {wanted}"


def test_every_range_has_both_ends():
    for wanted in RANGES:
        assert {">=", "<"} == {part.operator for part in wanted.specifier}, wanted


def test_the_top_level_of_the_repository_stays_small():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    assert {name.split("/")[0] for name in names} <= TOP_LEVEL


LOCKS = {"PACKAGES": "locks/packages.txt", "TORCH_CPU": "cpu.txt", "TORCH_DEFAULT": "default.txt"}


def sandbox(tmp_path, monkeypatch, *failing):
    """Point run.py at an empty folder and replace its commands by a recorder: it notes what venv
    and pip were to make, and lets those named fail.
    """
    calls = []

    def command(arguments, **_):
        calls.append(next(Path(word).stem for word in reversed(arguments) if word != "-qq"))
        if "venv" in arguments:
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return subprocess.CompletedProcess(arguments, int(calls[-1] in failing))

    python = tmp_path / ".venv/bin/python"
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(run, "PYTHON", python)
    monkeypatch.setattr(run, "STAMP", tmp_path / ".venv/stamp")
    monkeypatch.setattr(run.subprocess, "run", command)
    (tmp_path / "locks").mkdir(exist_ok=True)
    for name, file in LOCKS.items():
        monkeypatch.setattr(run, name, tmp_path / file)
        (tmp_path / file).write_text("a==1")
    return calls


@pytest.mark.parametrize("changed", LOCKS.values())
def test_set_up_happens_once_and_again_when_a_lock_changes(tmp_path, monkeypatch, changed):
    calls = sandbox(tmp_path, monkeypatch)
    run.set_up()
    run.set_up()
    installed = ["packages", "cpu", ""]  # the last is dragkit itself, "."
    assert calls == [".venv", *installed]
    (tmp_path / changed).write_text("a==2")
    run.set_up()
    assert calls == [".venv", *installed, *installed], "a finished .venv is updated in place"


def test_the_default_build_of_torch_comes_only_where_the_cpu_build_is_not_to_be_had(
    tmp_path, monkeypatch, capsys
):
    calls = sandbox(tmp_path, monkeypatch, "cpu")
    run.set_up()
    assert calls == [".venv", "packages", "cpu", "default", ""]
    assert "several GB" in capsys.readouterr().out
    assert run.STAMP.exists()


@pytest.mark.parametrize("failing", [("packages",), ("cpu", "default"), ("",)])
def test_a_failed_set_up_leaves_no_stamp_and_starts_afresh(tmp_path, monkeypatch, failing):
    sandbox(tmp_path, monkeypatch, *failing)
    with pytest.raises(SystemExit, match="run the same command again"):
        run.set_up()
    assert not run.STAMP.exists()
    calls = sandbox(tmp_path, monkeypatch)
    run.set_up()
    assert calls == [".venv", "packages", "cpu", ""]


def test_pip_installs_listed_wheels_alone_and_builds_dragkit_without_the_network(
    tmp_path, monkeypatch
):
    sandbox(tmp_path, monkeypatch, "cpu")
    commands = []
    recorder = run.subprocess.run
    monkeypatch.setattr(
        run.subprocess, "run", lambda words, **_: commands.append(words) or recorder(words)
    )
    run.set_up()
    *listed, dragkit = [" ".join(map(str, words)) for words in commands if "pip" in words]
    assert len(listed) == 3
    for command in listed:
        assert "--no-deps --require-hashes --only-binary :all: --requirement" in command
    assert dragkit.endswith("--no-deps --no-build-isolation --editable .")


def test_an_edited_environment_is_refused_with_the_command_that_helps(tmp_path, monkeypatch):
    sandbox(tmp_path, monkeypatch)
    environment = tmp_path / "environment.yml"
    environment.write_text("- pip:\n  - a==1\n")
    run.PACKAGES.write_text(f"# sha256 {run.fingerprint(['a==1'])}\na==1\n")
    run.check_locks()
    environment.write_text("- pip:\n  - a==1  # a comment changes nothing\n")
    run.check_locks()
    environment.write_text("- pip:\n  - a==2\n")
    with pytest.raises(SystemExit, match="run.py lock"):
        run.check_locks()


def test_an_unknown_command_shows_the_usage():
    command = [sys.executable, run.__file__, "fly"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "run.py lab" in answer.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_what_run_starts_gets_quiet_threads_and_gives_its_exit_code(tmp_path):
    (tmp_path / "probe.py").write_text(
        "import os, sys\nsys.exit(7 if os.environ['OMP_WAIT_POLICY'] == 'PASSIVE' and sys.argv[1:]"
        " == ['-x'] else 1)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    environment.pop("OMP_WAIT_POLICY", None)
    code = "import sys, run; run.PYTHON = sys.executable; sys.exit(run.start('probe', '-x'))"
    assert subprocess.call([sys.executable, "-c", code], env=environment) == 7


@pytest.mark.parametrize("yours", ["", "mine"])
def test_the_lab_is_started_without_the_class_room_tools_menus(tmp_path, yours):
    (tmp_path / "jupyterlab.py").write_text(
        "import os, sys\nfolders = os.environ['JUPYTER_CONFIG_PATH'].split(os.pathsep)\n"
        f"sys.exit(7 if folders == {[yours, str(ROOT / '.ci/jupyter')][not yours :]} else 1)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    environment["JUPYTER_CONFIG_PATH"] = yours
    code = "import sys, run; run.PYTHON = sys.executable; sys.exit(run.start('jupyterlab'))"
    assert subprocess.call([sys.executable, "-c", code], env=environment) == 7


def test_what_the_class_room_tools_add_to_jupyterlab_is_off():
    folder = ROOT / ".ci/jupyter"
    server = json.loads((folder / "jupyter_server_config.json").read_text())
    page = json.loads((folder / "labconfig/page_config.json").read_text())
    off = server["ServerApp"]["jpserver_extensions"]
    added = [
        *metadata.files("nbgrader"),
        *metadata.files("jupytext"),
    ]
    settings = [file for file in added if "jupyter_server_config.d" in str(file)]
    on = {
        name
        for file in settings
        for name in json.loads(file.locate().read_text())["ServerApp"]["jpserver_extensions"]
    }
    assert len(settings) == 2 and off == dict.fromkeys(on, False)
    names = {str(file).partition("labextensions/")[2] for file in added}
    for name in page["disabledExtensions"]:
        assert f"{name}/package.json" in names


DOCKERFILE = ROOT / ".ci/jupyter/Dockerfile"


def test_everything_that_the_image_for_jupyterhub_copies_is_there():
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    copied = [
        re.sub(r"--\S+", "", line).split()[1:-1]
        for line in text.splitlines()
        if line.startswith("COPY")
    ]
    assert {"run.py", "locks", "dragkit", "data"} <= {name for names in copied for name in names}
    for name in [name for names in copied for name in names]:
        assert (ROOT / name).exists(), name


def test_the_image_for_jupyterhub_has_all_that_setting_up_reads_and_no_root(tmp_path):
    text = DOCKERFILE.read_text(encoding="utf-8")
    for path in (*(run.PACKAGES, run.TORCH_CPU, run.TORCH_DEFAULT), run.JUPYTER):
        folder = path.relative_to(ROOT).parts[0]
        assert f" {folder}" in text
    for name in (PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"):
        assert f" {name} " in text
    steps = [line.split()[0] for line in text.splitlines() if re.match("[A-Z]+ ", line)]
    assert steps.index("USER") < steps.index("COPY") and steps.count("USER") == 1
    assert text.rstrip().splitlines()[-1].startswith('CMD ["jupyterhub-singleuser"')


def test_a_wheel_carries_the_code_and_the_bundled_model_but_no_images(tmp_path):
    source = tmp_path / "source"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("dragkit", "data"):
        shutil.copytree(ROOT / name, source / name, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {
        path.relative_to(ROOT).as_posix()
        for ending in ("py", "html", "css", "js")
        for path in (ROOT / "dragkit").rglob(f"*.{ending}")
    }
    data = {f"dragkit/data/{p.name}" for p in (ROOT / "data").iterdir() if p.is_file()}
    assert code | data <= names
    assert not [n for n in names if n.endswith((".png", ".jpg"))]


def test_importing_dragkit_costs_torch_and_little_more():
    code = (
        "import sys, dragkit; heavy = {'matplotlib', 'pandas', 'ipywidgets', 'ipycanvas',"
        " 'IPython', 'imageio'}; sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
