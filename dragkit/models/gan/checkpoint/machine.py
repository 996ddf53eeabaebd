r"""A pickle machine that can build plain data, and nothing else.

A pickle is a program for a small stack machine, and Python's own machine calls whatever the
program names. This one knows the opcodes that write data down (numbers, text, bytes, lists, dicts,
tuples, sets) and a closed list of names. A name stands for a function of ours, which returns inert
data; no name is ever imported. Opcodes and their arguments are decoded by the standard library's
`pickletools`, which only reads.
"""

from __future__ import annotations

import pickletools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

PIECE = 128 << 20  # bytes in one string or tensor; the largest public tensor has 9.4 MB
# opcodes and items in one file; a 1024-px checkpoint with three networks has about 60 thousand
WORK = 1_000_000
TEXT = 64 << 20  # characters of text in one file, so that text cannot unfold in memory

# the machine's methods, and the opcodes that they carry out; any other opcode is refused
_STEPS = {
    "_ignore": "PROTO FRAME",
    "_push": "NONE BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT",
    "_bytes": "SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8",
    "_text": "SHORT_BINUNICODE BINUNICODE BINUNICODE8",
    "_tuple": "TUPLE",
    "_append": "APPEND",
    "_appends": "APPENDS",
    "_setitem": "SETITEM",
    "_setitems": "SETITEMS",
    "_additems": "ADDITEMS",
    "_memoize": "MEMOIZE",
    "_put": "BINPUT LONG_BINPUT",
    "_get": "BINGET LONG_BINGET",
    "_global": "GLOBAL",
    "_global_of_stack": "STACK_GLOBAL",
    "_reduce": "REDUCE NEWOBJ",
    "_build": "BUILD",
    "_persist": "BINPERSID",
}
_STEP_OF = {opcode: step for step, opcodes in _STEPS.items() for opcode in opcodes.split()}
_MARK = object()
_MADE = {  # opcodes that push something new, always the same
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "MARK": lambda: _MARK,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class CheckpointError(ValueError):
    """A file that cannot be read, or is refused; the message says what was found."""


class Budget:
    """What one file may ask for: a few bytes can name the same thing a thousand times."""

    def __init__(self) -> None:
        self.work = WORK
        self.text = TEXT

    def spend(self, work: int = 1, text: int = 0) -> None:
        """Take from what is left; CheckpointError if it is not enough."""
        self.work -= work
        self.text -= text
        if self.work < 0 or self.text < 0:
            raise CheckpointError(
                f"it asks for more than {WORK} opcodes and items, or {TEXT} characters; no"
                " generator needs as many"
            )


@dataclass(frozen=True)
class Known:
    """A name of the closed list, and what stands in for it."""

    name: str
    stand_in: Callable[..., Any]


class Inert(ABC):
    """What a stand-in may return if the pickle sets the object's state later (opcode BUILD)."""

    @abstractmethod
    def build(self, state: Any) -> None:
        """Take the state."""


class Tape:
    """Bytes that `pickletools` reads from a position on, each piece bounded."""

    def __init__(self, data: memoryview, at: int = 0) -> None:
        self.data = data
        self.at = at

    def read(self, count: int) -> bytes | memoryview:
        """The next `count` bytes, not copied if they are many: tensors stay in the file."""
        if count > PIECE:
            raise CheckpointError(
                f"a piece of {count} bytes at byte {self.at}; the largest that is read has {PIECE}"
            )
        return self.take(count) if count > 1000 else bytes(self.take(count))

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

    def tell(self) -> int:
        """The position in bytes."""
        return self.at


class Machine:
    """Runs one pickle: ``Machine(budget, known).run(tape)`` returns the data that it describes.

    Args:
        budget: shared by all pickles of a file.
        known: the closed list: name → what is called in its place.
        persistent: makes data of a persistent id (how torch refers to storages); without it they
            are refused.
    """

    def __init__(
        self,
        budget: Budget,
        known: Mapping[str, Callable] = MappingProxyType({}),
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self.budget = budget
        self.known = known
        self.persistent = persistent

    def run(self, tape: Tape) -> Any:
        """Read one pickle from where the tape stands; the tape is left behind its end.

        Raises:
            CheckpointError: an opcode or a name that is not on the lists, or too much of anything.
            ValueError, IndexError: bytes that are not a pickle; there are others, and
                :func:`dragkit.models.gan.checkpoint.read` makes one error of them all.
        """
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        source: Any = tape  # it has the methods of a file that `pickletools` calls
        for opcode, argument, at in pickletools.genops(source):
            self.budget.spend()
            if opcode.name == "STOP":
                return self._pop()
            if opcode.name in _MADE:
                self.stack.append(_MADE[opcode.name]())
            elif opcode.name in _TUPLES:
                self._take_tuple(_TUPLES[opcode.name])
            elif opcode.name in _STEP_OF:
                getattr(self, _STEP_OF[opcode.name])(argument)
            else:
                raise CheckpointError(
                    f"opcode {opcode.name} at byte {at}; checkpoints do without it"
                )
        raise CheckpointError("a pickle without an end")

    # plain data

    def _ignore(self, _: Any) -> None:
        """Skip what only describes how the rest is written."""

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _bytes(self, value: bytes | bytearray | memoryview) -> None:
        self.stack.append(memoryview(value))

    def _text(self, value: str) -> None:
        self.budget.spend(text=len(value))
        self.stack.append(value)

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise CheckpointError("a mark where a value was expected")
        return value

    def _since_mark(self) -> list[Any]:
        items = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    # containers

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _take_tuple(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self.stack.append(tuple(items[::-1]))

    def _append(self, _: Any) -> None:
        value = self._pop()
        expect(self.stack[-1], list).append(value)

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        expect(self.stack[-1], list).extend(items)

    def _setitem(self, _: Any) -> None:
        value = self._pop()
        key = self._pop()
        expect(self.stack[-1], dict)[plain(key)] = value

    def _setitems(self, _: Any) -> None:
        items = self._since_mark()
        expect(self.stack[-1], dict).update(zip(map(plain, items[::2]), items[1::2], strict=True))

    def _additems(self, _: Any) -> None:
        items = self._since_mark()
        expect(self.stack[-1], set).update(map(plain, items))

    # the memo: things that are referred to again

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    # names of the closed list, and nothing else, stand for functions

    def _global(self, argument: str) -> None:
        self._name(argument.replace(" ", "."))

    def _global_of_stack(self, _: Any) -> None:
        name = self._pop()
        module = self._pop()
        self._name(f"{expect(module, str)}.{expect(name, str)}")

    def _name(self, name: str) -> None:
        if name not in self.known:
            raise CheckpointError(
                f"it names {name[:200]!r}, which is not on the closed list of names: what is not"
                " on it could run code"
            )
        self.stack.append(Known(name, self.known[name]))

    def _reduce(self, _: Any) -> None:
        arguments = expect(self._pop(), tuple)
        known = expect(self._pop(), Known)
        self.stack.append(known.stand_in(*arguments))

    def _build(self, _: Any) -> None:
        state = self._pop()
        target = self.stack[-1]
        # attributes of an OrderedDict, such as a state dict's _metadata
        if isinstance(target, dict):
            return
        expect(target, Inert).build(state)

    def _persist(self, _: Any) -> None:
        identity = self._pop()
        if self.persistent is None:
            raise CheckpointError("a persistent id, which only torch's own files may have")
        self.stack.append(self.persistent(identity))


def expect(value: Any, kind: type) -> Any:
    """`value`, if it is of `kind`; otherwise a CheckpointError that names both."""
    if not isinstance(value, kind):
        raise CheckpointError(f"found {describe(value)} where {kind.__name__} was expected")
    return value


def plain(key: Any) -> Any:
    """`key`, if it is text, a small whole number or None: others can be made to collide."""
    if not (key is None or isinstance(key, str) or (isinstance(key, int) and abs(key) < 2**31)):
        raise CheckpointError(f"{describe(key)} as a key")
    return key


def describe(value: Any) -> str:
    """What a value is, never what it holds."""
    if isinstance(value, Known):
        return f"the name {value.name}"
    return type(value).__name__
