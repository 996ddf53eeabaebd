"""locks/: what run.py installs. Every package of environment.yml and all that they need, each with
the hashes of its files; no address; and what `run.py lock` makes of uv's answers.
"""

import re
import sys
from importlib import metadata

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import run
from locks import renew

FILES = [run.PACKAGES, run.TORCH_CPU, run.TORCH_DEFAULT]
PACKAGES, CPU, DEFAULT = (renew.read(path.read_text(encoding="utf-8")) for path in FILES)
WANTED = run.requirements((run.ROOT / "environment.yml").read_text(encoding="utf-8"))
PINS = [line for line in WANTED if line != "-e ."]
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macOS": {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
}
PYTHONS = ["3.11.0", "3.11.9", "3.12.1", "3.13.0", "3.14.0"]


def test_it_was_made_from_environment_yml_as_it_is():
    run.check_locks()


@pytest.mark.parametrize("pin", PINS)
def test_each_pin_is_locked_at_its_version(pin):
    if pin.startswith("torch=="):
        assert pin in DEFAULT and pin + "+cpu" in CPU
    else:
        assert pin in PACKAGES


def test_every_line_is_a_pin_a_hash_or_a_comment():
    pin = r"[a-z0-9-]+==[a-z0-9.+]+( ; [^\\]+)? \\"
    line = re.compile(rf"#.*|{pin}|    --hash=sha256:[0-9a-f]{{64}}( \\)?")
    for path in FILES:
        for text in path.read_text(encoding="utf-8").splitlines():
            assert line.fullmatch(text), f"{path.name}: {text}"


def test_every_package_has_a_hash():
    for lock in (PACKAGES, CPU, DEFAULT):
        assert lock and all(lock.values())


def test_no_address_is_in_them():
    for path in [*FILES, run.ROOT / "locks/renew.py", run.ROOT / "run.py"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"://|\b\w+\.(org|com|net|io)\b", text), path


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("torch", [CPU, DEFAULT], ids=["cpu", "default"])
def test_every_system_and_python_gets_each_package_once(system, python, torch):
    names = names_for(PACKAGES | torch, system, python)
    assert len(names) == len(set(names))
    assert set(names) >= {canonicalize_name(Requirement(pin).name) for pin in PINS}


def names_for(lock, system, python):
    """The names in a lock whose markers hold there."""
    machine = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    environment = {**default_environment(), **SYSTEMS[system], **machine}
    wanted = [Requirement(line) for line in lock]
    return [each.name for each in wanted if not each.marker or each.marker.evaluate(environment)]


def test_the_cpu_build_needs_nothing_of_cuda():
    assert [line for line in DEFAULT if line.startswith("nvidia-")]
    assert not [line for line in PACKAGES | CPU if re.match("nvidia|cuda|triton", line)]


def test_what_is_installed_here_is_what_is_locked():
    if not run.STAMP.exists() or sys.prefix != str(run.VENV):
        pytest.skip("these tests run outside of run.py's .venv")
    for line in PACKAGES:
        wanted = Requirement(line)
        if not wanted.marker or wanted.marker.evaluate():
            assert wanted.specifier.contains(metadata.version(wanted.name), prereleases=True), line


HASHES = {letter: "--hash=sha256:" + letter * 64 for letter in "abcd"}
UV_SAYS = {  # with the default build of torch, and with the CPU build
    False: f"a==1 \\\n    {HASHES['a']} \\\n    {HASHES['b']}\ntorch==2 \\\n    {HASHES['c']}\n"
    f"nvidia-x==3 ; sys_platform == 'linux' \\\n    {HASHES['c']}\n",
    True: f"a==1 \\\n    {HASHES['d']}\ntorch==2+cpu \\\n    {HASHES['d']}\n",
}


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """An environment.yml and empty locks, with a uv that is asked for a==1 and torch==2."""
    (tmp_path / "environment.yml").write_text("- pip:\n  - a==1\n  - torch==2\n  - -e .\n")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    for name in ("PACKAGES", "TORCH_CPU", "TORCH_DEFAULT"):
        monkeypatch.setattr(run, name, tmp_path / name)
    asked = []

    def compiled(pins, options, advice):
        asked.append((pins, options))
        return UV_SAYS["torch==2+cpu" in pins]

    monkeypatch.setattr(renew, "compiled", compiled)
    return asked


def test_renewing_splits_what_differs_between_the_two_builds(workshop):
    renew.main()
    locks = [renew.read(path.read_text()) for path in (run.PACKAGES, run.TORCH_CPU)]
    assert locks == [{"a==1": [HASHES["a"], HASHES["b"]]}, {"torch==2+cpu": [HASHES["d"]]}]
    assert renew.read(run.TORCH_DEFAULT.read_text()) == {
        "nvidia-x==3 ; sys_platform == 'linux'": [HASHES["c"]],
        "torch==2": [HASHES["c"]],
    }
    run.check_locks()


def test_the_cpu_build_is_looked_for_where_pip_looks(workshop, monkeypatch):
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "one two")
    monkeypatch.setenv("PIP_FIND_LINKS", "folder")
    renew.main()
    (first_pins, first), (pins, second) = workshop
    assert first_pins == ["a==1", "torch==2"] and first == []
    assert pins == ["a==1", "torch==2+cpu"]
    assert second[-6:] == ["--index", "one", "--index", "two", "--find-links", "folder"]


def test_uv_that_finds_nothing_ends_it_with_advice(monkeypatch):
    monkeypatch.setattr(renew, "UV", [sys.executable, "-c", "raise SystemExit(1)"])
    with pytest.raises(SystemExit, match="PIP_EXTRA_INDEX_URL"):
        renew.compiled(["a==1"], [], renew.NO_CPU)
