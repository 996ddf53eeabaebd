"""All methods as rows of knobs: what each sets, read from the presets themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from typing import Any

from ..arguments import instance
from ..numeric import is_real
from ..pieces import Method, printed
from ..trackers import TrackEvery
from .diffusion import clipdrag, dragdiffusion, easydrag, gooddrag
from .free import freedrag
from .gan import draggan
from .other_leaves import draglora, dragnoise
from .stable import anchored, stabledrag

PRESETS: tuple[Callable[..., Method], ...] = (
    draggan,
    dragdiffusion,
    stabledrag,
    freedrag,
    gooddrag,
    clipdrag,
    easydrag,
    dragnoise,
    draglora,
    anchored,
)
LEAVES = {"dragnoise": "mid_block", "draglora": "low_rank"}  # the others: the latent itself
ABSENT = "–"
# settings of a tracker or a loss that are knobs of their own
FIELDS = {
    "candidates": "candidates",
    "between pixels": "subpixel",
    "shift": "reach",
    "first patch": "first_patch",
}
WORDS = {"candidates": {None: "all"}, "shift": {None: "one place"}}
STYLE = """
.dk-methods { overflow-x: auto; font-size: 0.85em; }
form.dk-methods td, form.dk-methods th { text-align: left; padding: 2px 8px; }
.dk-methods table { border-collapse: collapse; }
.dk-methods tr:has(:checked) { outline: 1px solid currentcolor; }
"""
DIFFERS = "{ background: rgba(255, 180, 0, 0.4); }"


@dataclass(frozen=True)
class Cell:
    """A knob of a method.

    Attributes:
        text: what it is set to, in short.
        help: the piece in full, its docstring's first line, and what to ask for more.
    """

    text: str
    help: str = ""


@dataclass(frozen=True, repr=False)
class MethodTable:
    """Methods as rows of knobs; in a notebook two rows can be picked, and what differs lights up.

    Attributes:
        rows: the cells by knob, by method.
    """

    rows: Mapping[str, Mapping[str, Cell]]

    def __repr__(self) -> str:
        """The table as lines of text."""
        names = list(next(iter(self.rows.values())))
        lines = [["", *names]]
        lines += [[name, *(cell.text for cell in row.values())] for name, row in self.rows.items()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        """The same for a notebook: two columns of radio buttons, and a style sheet, no kernel.

        Column k has the class kK, and a method's buttons have kK-V, where V numbers the values of
        that column. So a column lights up where the one button has a class that the other lacks.
        """
        names = list(next(iter(self.rows.values())))
        numbers = [_numbered(row[name].text for row in self.rows.values()) for name in names]
        rules = [
            f".dk-methods:has(.a.k{k}-{v}:checked):not(:has(.b.k{k}-{v}:checked))"
            f" tr:has(:checked) .k{k} {DIFFERS}"
            for k, values in enumerate(numbers)
            for v in values.values()
        ]
        head = "".join(f"<th>{escape(name)}</th>" for name in ("A", "B", "method", *names))
        body = "".join(
            _row(number, name, row, numbers)
            for number, (name, row) in enumerate(self.rows.items())
        )
        style = STYLE + "\n".join(rules)
        return (
            f"<form class='dk-methods'><style>{style}</style><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table></form>"
        )


def table(methods: Mapping[str, Method] | None = None) -> MethodTable:
    """All presets, in their official profile where they have one, as rows of knobs.

    Args:
        methods: more rows by name, such as ``{"mine": draggan() | {"lr": 5e-3}}``.

    Raises:
        TypeError: one of them is no method.
    """
    found = dict(map(_official, PRESETS))
    leaves = {name: LEAVES.get(name.partition("(")[0], "latent") for name in found}
    more = {} if methods is None else methods
    instance("methods", more, Mapping, 'rows by name, such as {"mine": draggan()}')
    for name, method in more.items():
        _check_method(name, method)
        found[str(name)] = method
    return MethodTable(
        {name: {"leaf": _leaf(leaves.get(name)), **_cells(m)} for name, m in found.items()}
    )


def _check_method(name: Any, method: Any) -> None:
    instance(f"method {name!r}", method, Mapping, "a dict of all pieces, such as draggan()")
    missing = [piece for piece in Method.__annotations__ if piece not in method]
    if missing:
        raise TypeError(
            f"method {name!r} has no {', '.join(missing)}; begin with a preset:"
            ' draggan() | {"lr": 5e-3}'
        )


def _official(preset: Callable[..., Method]) -> tuple[str, Method]:
    """What to call, and the method that it gives."""
    if "profile" in inspect.signature(preset).parameters:
        return f'{preset.__name__}("official")', preset("official")
    return f"{preset.__name__}()", preset()


def _leaf(name: str | None) -> Cell:
    """What is optimised, where that is known: a dict of pieces does not say it."""
    if name in LEAVES.values():
        return Cell(f"{name}", f"dragkit.leaves.{name}? has more")
    return Cell(name or ABSENT)


def _cells(method: Method) -> dict[str, Cell]:
    """The knobs of a method, by name."""
    every = method["tracker"]
    if not isinstance(every, TrackEvery):
        every = TrackEvery(every, updates=1)
    tracker = every.tracker
    motion, *held = method["losses"]
    return {
        "tracker": _cell(tracker),
        "candidates": _field(tracker, "candidates"),
        "between pixels": _field(tracker, "between pixels"),
        "updates for each tracking": Cell(str(every.updates)),
        "pulled": _cell(motion),
        "shift": _field(motion, "shift"),
        "first patch": _field(motion, "first patch"),
        "held": Cell(
            ", ".join(_cell(loss).text for loss in held) or ABSENT,
            "\n\n".join(_cell(loss).help for loss in held),
        ),
        "gate": _cell(method["trust"]),
        "lr": Cell(f"{method['lr']:g}"),
        "steps": Cell(str(method["steps"])),
        "stop": Cell(f"{method['arrive']:g} px"),
    }


def _cell(piece: Any) -> Cell:
    """A piece by its name and the settings that are not its class's own."""
    kind = type(piece)
    if inspect.isfunction(piece):
        return Cell(piece.__name__, _help(piece.__name__, piece))
    if not is_dataclass(piece):
        return Cell(printed(piece))
    changed = [
        f"{field.name}={getattr(piece, field.name)}"
        for field in fields(piece)
        if field.name not in FIELDS.values() and getattr(piece, field.name) != field.default
    ]
    return Cell(f"{kind.__name__}({', '.join(changed)})", _help(printed(piece), kind))


def _field(piece: Any, knob: str) -> Cell:
    """A setting that is a knob of its own."""
    if not hasattr(piece, FIELDS[knob]):
        return Cell(ABSENT)
    value = getattr(piece, FIELDS[knob])
    words = WORDS.get(knob, {})
    if value is None:
        return Cell(words[value])
    if is_dataclass(value):
        return Cell(printed(value), _help(printed(value), type(value)))
    return Cell(f"{value:g}" if is_real(value) else f"{value}")


def _help(name: str, what: Any) -> str:
    first_line = (inspect.getdoc(what) or "").partition("\n")[0]
    return f"{name}\n{first_line}\n{what.__module__}.{what.__name__}? has more"


def _numbered(values: Any) -> dict[str, int]:
    """Each value's number, in the order in which they come."""
    return {value: number for number, value in enumerate(dict.fromkeys(values))}


def _row(number: int, name: str, row: Mapping[str, Cell], numbers: list[dict[str, int]]) -> str:
    """A method as a row of HTML with its two buttons; the first two methods are picked."""
    values = zip(row.values(), numbers, strict=True)
    classes = " ".join(f"k{k}-{known[cell.text]}" for k, (cell, known) in enumerate(values))
    buttons = "".join(
        f"<td><input type='radio' name='{side}' class='{side} {classes}'"
        f"{' checked' if number == place else ''}></td>"
        for place, side in enumerate("ab")
    )
    cells = "".join(
        f"<td class='k{k}' title='{escape(cell.help)}'>{escape(cell.text)}</td>"
        for k, cell in enumerate(row.values())
    )
    return f"<tr>{buttons}<th>{escape(name)}</th>{cells}</tr>"
