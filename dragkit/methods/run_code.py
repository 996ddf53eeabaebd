"""What to type for a run: its method, and what was done to it on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from .code import as_code, differing, written

STUDIO = "# studio: the widget, whose model, start and edit the run has"


def run_as_code(
    methods: Sequence[tuple[int, Mapping[str, Any]]], interventions: Sequence[tuple[int, Any]]
) -> str:
    """Python that makes the run of a studio again, step by step, in a session of its own.

    It takes the model, the latent and the edit from the widget, by the name ``studio``, because
    none of them can be typed.

    Args:
        methods: as ``session.methods``; if the first counts from a later step than 0 on, the run
            before it is that of a file.
        interventions: as ``session.interventions``; a file makes its own again.
    """
    begun, first = methods[0]
    interventions = [one for one in interventions if one[0] >= begun]
    *imports, making = as_code(first).splitlines()
    needed = {"from dragkit import Session", *imports}

    lines, at = _opening(begun), begun
    for index in sorted({index for index, _ in [*methods, *interventions]}):
        calls = _swaps(methods, index, needed)
        calls += [
            f"session.intervene({written(done, needed)})"
            for step, done in interventions
            if step == index
        ]
        if calls and index > at:
            lines.append(f"session.run({index - at})")
            at = index
        lines += calls
    return "\n".join([*sorted(needed), "", making, "", *lines, "session.run()"])


def _opening(begun: int) -> list[str]:
    if not begun:
        given = "studio.model, studio.session.latent, studio.session.edit"
        return [STUDIO, f"session = Session({given}, **method)"]
    return [
        f"{STUDIO}; path: the file that was opened",
        "session = Session.load(path, studio.model, **method)",
        f"session.rewind({begun})",
    ]


def _swaps(
    methods: Sequence[tuple[int, Mapping[str, Any]]], index: int, imports: set[str]
) -> list[str]:
    """The pieces that are others from the step `index` on."""
    lines = []
    for (_, before), (step, method) in pairwise(methods):
        pieces = differing(method, before) if step == index else []
        if pieces:
            values = ", ".join(f"{name}={written(method[name], imports)}" for name in pieces)
            lines.append(f"session.swap({values})")
    return lines
