"""``python -m dragkit.models.gan.checkpoint FILE`` prints what a checkpoint holds.

Nothing is built, and nothing in the file is run.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

from ... import zoo
from . import CheckpointError, Contents, guarded, read
from .contents import printable
from .finding import find_generator
from .layouts import flat
from .values import brief

SHOWN = 1000  # arguments, and tensors


def lines(contents: Contents) -> Iterator[str]:
    """The file, its networks, and the generator's arguments and tensors."""
    with contents.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    yield f"{contents.path}: {contents.format}, {contents.size / 1e6:.1f} MB, sha256 {sha256}"
    if entry := zoo.listed(contents.path.name):
        yield f"public model {entry['name']!r}: {_compared(sha256, entry)}; {entry['licence']}"
    for name, network in contents.networks.items():
        count = sum(tensor.numbers for tensor in network.tensors.values())
        yield (
            f"  {name or 'the file itself'}: {network.kind}, {count / 1e6:.2f} M numbers in"
            f" {len(network.tensors)} tensors"
        )
    if contents.others:
        yield f"  also: {', '.join(contents.others[:SHOWN])}"
    try:
        found = find_generator(contents)
    except CheckpointError as error:
        yield f"cannot be dragged: {error}"
        return
    network = found.network
    behind = f" behind {found.prefix!r}" if found.prefix else ""
    yield (
        f"dragkit.load takes {found.name or 'it'}: a StyleGAN2 generator with {found.layout}'s"
        f" names{behind}, clamp {network.clamp}; its arguments:"
    )
    shown = islice(flat(network.arguments), SHOWN)
    yield from (f"  {key} = {brief(value)}" for key, value in shown)
    yield "its tensors:"
    for key, tensor in islice(network.tensors.items(), SHOWN):
        yield (
            f"  {key:44}{'x'.join(map(str, tensor.shape)) or 'one number':>18} "
            f" {str(tensor.storage.dtype).removeprefix('torch.')}"
        )


def _compared(sha256: str, entry: dict[str, Any]) -> str:
    if entry["sha256"] is None:
        return "the public one's sha256 is not known"
    if entry["sha256"] == sha256:
        return "its sha256 is the public one's"
    return "ITS SHA256 IS NOT THE PUBLIC ONE"


def main() -> None:
    """Read the file that the command line names, and print it, or why it is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.models.gan.checkpoint", description=__doc__
    )
    parser.add_argument("file", type=Path, help="a checkpoint of any kind")
    # whatever the file's names are, this terminal can show them
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        contents = read(parser.parse_args().file)
        print(*map(printable, guarded(contents.path, lambda: list(lines(contents)))), sep="\n")
    except (CheckpointError, FileNotFoundError, PermissionError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
