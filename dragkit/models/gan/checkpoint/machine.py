r"""A pickle machine that can build plain data, and nothing else.

A pickle is a program for a small stack machine, and Python's own machine calls whatever the
program names. This one knows the opcodes that write data down (numbers, text, bytes, lists, dicts,
tuples, sets) and a closed list of names. A name stands for a function of ours, which returns inert
data; no name is ever imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from .budget import Budget, CheckpointError
from .tape import ARGUMENTS, NAMES, Tape
from .values import Inert, Known, expect, fields, plain, short

# the machine's methods, and the opcodes that they carry out; any other opcode is refused
_STEPS = {
    "_ignore": "PROTO FRAME",
    "_push": "NONE BININT BININT1 BININT2 BINFLOAT",
    "_long": "LONG1",
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
_ALLOWED = {"STOP", *_MADE, *_TUPLES, *_STEP_OF}


class Machine:
    """Runs one pickle: ``Machine(budget, known).run(tape)`` returns the data that it describes.

    Args:
        budget: shared by all pickles of a file.
        known: the closed list: name → what is called in its place. `*.Name` stands for the name
            in any module.
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
        while (name := self._opcode(tape)) != "STOP":
            if name in _MADE:
                self.stack.append(_MADE[name]())
            elif name in _TUPLES:
                self._take_tuple(_TUPLES[name])
            else:
                getattr(self, _STEP_OF[name])(ARGUMENTS[name](tape))
        return self._pop()

    def _opcode(self, tape: Tape) -> str:
        """The next opcode's name, if it is on the list."""
        self.budget.spend("opcodes and items")
        code = tape.byte()
        name = NAMES.get(code)
        if name not in _ALLOWED:
            raise CheckpointError(
                f"opcode {name or hex(code)} at byte {tape.at - 1}; checkpoints do without it"
            )
        return name

    # plain data

    def _ignore(self, _: Any) -> None:
        """Skip what only describes how the rest is written."""

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _long(self, piece: memoryview) -> None:
        self.stack.append(int.from_bytes(piece, "little", signed=True))

    def _bytes(self, piece: memoryview) -> None:
        self.stack.append(piece)

    def _text(self, piece: memoryview) -> None:
        self.budget.spend("bytes of text", len(piece))
        self.stack.append(str(piece, "utf-8", "surrogatepass"))

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
        self._name(f"{short(module)}.{short(name)}")

    def _name(self, name: str) -> None:
        last = name.rpartition(".")[2]
        stand_in = self.known.get(name) or self.known.get(f"*.{last}")
        if stand_in is None:
            raise CheckpointError(
                f"it names {name[:200]!r}, which is not on the closed list of names: what is not"
                " on it could run code"
            )
        self.stack.append(Known(name, stand_in))

    def _reduce(self, _: Any) -> None:
        arguments = fields(self._pop())
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
