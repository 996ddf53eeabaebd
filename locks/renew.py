"""`python3 run.py lock`: write locks/ again, from the pip list of environment.yml.

uv resolves the list twice, each time for all systems and every Python from 3.11, and notes the
hashes of all files of each package: with the torch of the default index, which on Linux is the
CUDA build, and with the CPU build. What both need goes into packages.txt; the two builds, each
with what only it needs, go into torch-default.txt and torch-cpu.txt.

The CPU build is looked for where pip finds it, too: PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import run

UV = [
    *(sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-config"),
    *("--universal", "--python-version", "3.11", "--only-binary", ":all:"),
    *("--generate-hashes", "--no-header", "--no-annotate"),
]
NO_CPU = """
Without the CPU build of torch there is no lock. Set PIP_EXTRA_INDEX_URL to the address that
PyTorch's install page shows for "Compute Platform: CPU", or PIP_FIND_LINKS to a folder that has
its wheels, and try again."""
HEADER = """# Made by `python3 run.py lock`. Edit environment.yml instead, then run that command.
# {}
"""
MADE_FROM = "Made from the list whose sha256 is {}."
CPU = "torch's CPU build, which is tried first."
DEFAULT = "torch's default build, where the CPU build was not found."

Lock = dict[str, list[str]]  # "name==version ; marker" and its hashes


def main() -> None:
    """Write the three files."""
    wanted = run.requirements((run.ROOT / "environment.yml").read_text(encoding="utf-8"))
    default, cpu = resolve([line for line in wanted if line != "-e ."])
    shared = default.keys() & cpu.keys()

    write(run.PACKAGES, MADE_FROM.format(run.fingerprint(wanted)), default, shared)
    write(run.TORCH_CPU, CPU, cpu, cpu.keys() - shared)
    write(run.TORCH_DEFAULT, DEFAULT, default, default.keys() - shared)


def resolve(pins: list[str]) -> tuple[Lock, Lock]:
    """The locks with the default build of torch and with the CPU build, at the same versions."""
    pins_for_cpu = [pin + "+cpu" if pin.startswith("torch==") else pin for pin in pins]

    with tempfile.TemporaryDirectory() as folder:
        default = Path(folder, "default.txt")
        default.write_text(compiled(pins, [], "Is the network up? Do the pins fit together?"))
        same = ["--constraints", str(default), "--index-strategy", "unsafe-best-match"]
        cpu = compiled(pins_for_cpu, [*same, *places_of_cpu_build()], NO_CPU)
        return read(default.read_text()), read(cpu)


def places_of_cpu_build() -> list[str]:
    """uv's options for the places that pip is told of by its environment variables."""
    places = []
    for option, variable in [("--index", "EXTRA_INDEX_URL"), ("--find-links", "FIND_LINKS")]:
        for place in os.environ.get("PIP_" + variable, "").split():
            places += [option, place]
    return places


def compiled(pins: list[str], options: list[str], advice: str) -> str:
    """What uv makes of the pins, or the end of the program with uv's reason and our advice."""
    command = [*UV, *options]
    answer = subprocess.run(command, input="\n".join(pins), stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(advice)
    return answer.stdout


def read(text: str) -> Lock:
    """The requirements of a lock, each with its hashes."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    blocks = re.split(r"\n(?=\S)", "\n".join(lines))
    return {block.partition(" \\")[0]: re.findall(r"--hash=\S+", block) for block in blocks}


def write(path: Path, what: str, lock: Lock, lines: set[str]) -> None:
    """Write these lines of a lock as pip reads them, sorted by name."""
    blocks = [" \\\n    ".join([line, *lock[line]]) for line in sorted(lines)]
    text = HEADER.format(what) + "\n".join(blocks) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    hashes = sum(len(lock[line]) for line in lines)
    print(f"{path.name}: {len(lines)} packages, {hashes} files")


if __name__ == "__main__":
    main()
