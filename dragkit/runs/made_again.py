"""What was done to a run on its way, made again for a run that comes from a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from math import inf

from ..interventions import Continuation, PatchTemplate, SwapBlock, continued
from ..pieces import Tracker, same_piece
from ..records import Frame
from .notes import known
from .trace import Trace


def make_again(trace: Trace, at: Callable[[Frame], Continuation]) -> None:
    """Let a trace from a file go on as its run would have, had it not been saved.

    A file has no tracker's memory, so the steps after a patch get it back here. Interventions that
    the file knows by their printed form only are not made again; there is a warning.

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
    tracker: Tracker = at(trace[-1]).method["tracker"]

    swaps = [index for index, done in interventions if isinstance(done, SwapBlock)]
    patches = {index for index, done in interventions if isinstance(done, PatchTemplate)}
    for index in sorted(patches):
        end = min((swap for swap in swaps if swap > index), default=inf)
        after = _made_by(tracker, trace, index, end)
        if after:
            so_far = [one for one in interventions if one[0] <= index]
            patched = continued(at(_frame_of_step(trace, index)), so_far).step
            for position in after:
                frame = trace[position]
                step = replace(frame.step, memory=patched.memory)
                trace.frames[position] = replace(frame, step=step)
    if interventions:
        continued(at(trace[-1]), interventions)


def _made_by(tracker: Tracker, trace: Trace, index: int, end: float) -> list[int]:
    """The positions of the steps after `index` that a tracker made, until another one took over.

    A tracker that takes over starts anew, even one that was there before. After the step `end`,
    another block is read.
    """
    after = (position for position, frame in enumerate(trace) if index < frame.index <= end)
    own = takewhile(lambda position: same_piece(trace[position].step.tracker, tracker), after)
    return list(own)


def _frame_of_step(trace: Trace, index: int) -> Frame:
    """The frame of a step, whose number need not be its position."""
    for frame in trace:
        if frame.index == index:
            return frame
    raise ValueError(
        f"a template was patched at step {index}, which the file does not have, so the steps after"
        " it cannot be continued; dragkit.Trace.load(path) opens the run to look at it"
    )
