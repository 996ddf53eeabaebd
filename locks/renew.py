"""`python3 run.py lock`: write locks/ again, from the pip list of environment.yml.

uv resolves the list twice, each time for all systems and every Python from 3.11, and notes the
hashes of all files of each package: with the torch of the default index, which on Linux is the
CUDA build, and with the CPU build. packages.txt gets what the CPU build needs, and the hashes of
both builds of torch; cuda.txt gets what the CUDA build needs besides.

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
FOR_ALL = "For everyone; from the list whose sha256 is {}."
FOR_CUDA = "Only for the CUDA build of torch, which does not start without them."

Lock = dict[str, list[str]]  # "name==version ; marker" and its hashes


def main() -> None:
    """Write both files, and say for how many wheels of torch they stand."""
    wanted = run.requirements((run.ROOT / "environment.yml").read_text(encoding="utf-8"))
    default, cpu = resolve([line for line in wanted if line != "-e ."])
    torch, cpu_torch = torch_of(default), torch_of(cpu)

    packages = {**cpu, torch: sorted({*default[torch], *cpu[cpu_torch]})}
    del packages[cpu_torch]
    cuda = {line: hashes for line, hashes in default.items() if line not in packages}

    write(run.PACKAGES, FOR_ALL.format(run.fingerprint(wanted)), packages)
    write(run.CUDA, FOR_CUDA, cuda)
    print(f"{len(packages)} packages, and {len(cuda)} for CUDA.")
    print(f"{torch}: {len(default[torch])} files, and {len(cpu[cpu_torch])} of the CPU build.")


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
    blocks = re.split(r"\n(?=\S)", text.strip())
    return {block.partition(" \\")[0]: re.findall(r"--hash=\S+", block) for block in blocks}


def torch_of(lock: Lock) -> str:
    """The line of torch."""
    (line,) = [line for line in lock if line.startswith("torch==")]
    return line


def write(path: Path, what: str, lock: Lock) -> None:
    """Write a lock as pip reads it, sorted by name."""
    blocks = [" \\\n    ".join([line, *hashes]) for line, hashes in sorted(lock.items())]
    text = HEADER.format(what) + "\n".join(blocks) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
