"""The bytes of a pickle, read opcode by opcode.

Numbers are decoded by the standard library's `pickletools`, which only reads. Text, bytes and long
numbers are ours, because it copies them as long as they say they are.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from functools import partial
from typing import Any

from .budget import CheckpointError

PIECE = 128 << 20  # bytes in one string or tensor; the largest public tensor has 9.4 MB
_WIDTHS = {  # bytes of the length that is written before text, bytes and long numbers
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


class Tape:
    """Bytes that `pickletools` reads from a position on, each piece bounded."""

    def __init__(self, data: memoryview, at: int = 0) -> None:
        self.data = data
        self.at = at

    def byte(self) -> int:
        """The next byte."""
        if self.at >= len(self.data):
            raise CheckpointError("a pickle without an end")
        self.at += 1
        return self.data[self.at - 1]

    def read(self, count: int) -> bytes:
        """The next `count` bytes, for the numbers that `pickletools` reads."""
        return bytes(self.take(count))

    def piece(self, width: int) -> memoryview:
        """Bytes with their number before them, in `width` bytes; they stay in the file."""
        at = self.at
        count = int.from_bytes(self.take(width), "little")
        if count > PIECE:
            raise CheckpointError(
                f"a piece of {count} bytes at byte {at}; the largest that is read has {PIECE}"
            )
        piece = self.take(count)
        if len(piece) < count:
            raise CheckpointError(
                f"a piece of {count} bytes at byte {at}, but only {len(piece)} follow: the file is"
                " cut short or altered"
            )
        return piece

    def take(self, count: int) -> memoryview:
        """The next `count` bytes, or what is left, without copying them."""
        piece = self.data[self.at : self.at + count]
        self.at += len(piece)
        return piece

    def readline(self) -> bytes:
        """The rest of a line, at most 1000 bytes."""
        line, end, _ = bytes(self.data[self.at : self.at + 1000]).partition(b"\n")
        self.at += len(line) + len(end)
        return line + end


def _reader(argument: pickletools.ArgumentDescriptor | None) -> Callable[[Any], Any]:
    """What reads an opcode's argument from a tape, and moves the tape behind it."""
    if argument is None:
        return _nothing
    if argument.n in _WIDTHS:
        return partial(Tape.piece, width=_WIDTHS[argument.n])
    return argument.reader


def _nothing(_: Tape) -> None:
    """Read the argument of an opcode that has none."""


NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}  # byte → opcode
ARGUMENTS = {opcode.name: _reader(opcode.arg) for opcode in pickletools.opcodes}
