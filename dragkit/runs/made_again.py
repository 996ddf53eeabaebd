"""What was done to a run on its way, made again for a run that comes from a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from math import inf

from ..interventions import Continuation, PatchTemplate, SwapBlock, continued
from ..pieces import same_piece
from ..records import Frame, Step
from .notes import known
from .trace import Trace


def make_again(trace: Trace, at: Callable[[Frame], Continuation]) -> None:
    """Let a trace from a file go on as its run would have, had it not been saved.

    A file has no tracker's memory, so the steps after a patch get it back here. Interventions that
    the file knows by their printed form only are left out, with a warning.

    Args:
        trace: from step 0 on; it is changed.
        at: what the run goes on with from a frame, had nothing been done to it.

    Raises:
        ValueError: an intervention cannot be done to this run.
    """
    for index, done in trace.interventions:
        if isinstance(done, str):
            warnings.warn(
                f"at step {index} {done[:200]} was done to the run, which the file knows by name"
                " only; it goes on without that: session.intervene(…) makes it again",
                stacklevel=4,
            )
    interventions = known(trace.interventions)
    trace.interventions = list(interventions)

    swaps = [index for index, done in interventions if isinstance(done, SwapBlock)]
    patches = {index for index, done in interventions if isinstance(done, PatchTemplate)}
    for index in sorted(patches):
        patched = next(frame for frame in trace if frame.index == index)
        run = continued(at(patched), [one for one in interventions if one[0] <= index])
        end = min((swap for swap in swaps if swap > index), default=inf)
        _remember(trace, run.step, end)
    if interventions:
        continued(at(trace[-1]), interventions)


def _remember(trace: Trace, patched: Step, end: float) -> None:
    """Give the steps after a patch what the tracker remembered, until another block is read."""
    for position, frame in enumerate(trace):
        own = same_piece(frame.step.tracker, patched.tracker)
        if own and patched.index < frame.index <= end:
            step = replace(frame.step, memory=patched.memory)
            trace.frames[position] = replace(frame, step=step)
