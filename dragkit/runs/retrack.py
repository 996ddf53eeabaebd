"""What another tracker would have said about a recorded run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from tqdm.auto import tqdm

from ..answers import checked_view
from ..arguments import instance, named_arguments, positive
from ..asking import asked
from ..models.protocols import Model
from ..pieces import Gate, Tracker
from ..records import Frame
from ..records.device import detached, to_device
from ..tracking import PointTracking
from ..validation import check_gate, check_model, check_tracker
from .same_model import model_of_run
from .trace import Trace


@named_arguments
@torch.no_grad()
def retrack(
    model: Model,
    trace: Trace,
    tracker: Tracker,
    trust: Gate | None = None,
    arrive: float | None = None,
) -> Trace:
    """What `tracker` would have said about a recorded run: the same images, its own points.

    It learns on the first frame and follows its points from the handles on, through every
    recorded latent; the run's own tracker gives the run's own points, if nobody intervened in it.
    Latents and losses stay those of the recorded run, which this tracker did not steer. A progress
    bar appears after two seconds.

    Args:
        model: the one that made the run.
        trust: the gate, as in :func:`dragkit.drag`.
        arrive: the stop distance in pixels; None for the one by which each step of the run was
            judged, or 1 where the run does not know it. `edit.arrive` takes precedence.

    Raises:
        ValueError: the trace does not begin at step 0, the model is another one, or the tracker
            or the gate cannot work.
    """
    _check_input(model, trace, tracker, trust)
    if arrive is not None:
        arrive = positive("arrive", arrive, 1)
    model = model_of_run(model, trace)
    edit = trace[0].edit.to(model.device)
    again = Trace()
    again.metadata = dict(trace.metadata)

    tracking = None
    bar = f"retrack {type(tracker).__name__}"
    for frame in tqdm(trace, bar, unit="frame", delay=2, leave=False):
        latent = frame.latent.to(model.device)
        stop = edit.arrive or arrive or frame.step.arrive or 1.0
        shown = asked("the model's view", model.view, latent)
        view = checked_view(shown, model.size, latent)
        if tracking is None:
            tracking = PointTracking.begin(tracker, trust, view, edit, stop)
        track = tracking.find(view, frame.index)
        step = replace(
            frame.step,
            track=detached(track),
            arrived=track.arrived(edit.targets, stop),
            search_centre=tracking.search_centre,
            initial_confidence=tracking.initial_confidence,
            tracker=tracker,
            memory=tracking.memory,
            arrive=stop,
        )
        again.append(Frame(to_device(step, "cpu"), frame.image))
        tracking.advance(track)
    return again


def _check_input(model: Any, trace: Any, tracker: Any, trust: Any) -> None:
    check_model(model)
    instance("trace", trace, Trace, "a Trace, such as dragkit.Trace(dragkit.drag(…))")
    check_tracker(tracker)
    check_gate(trust)
    _check_start(trace)


def _check_start(trace: Trace) -> None:
    if len(trace) and trace[0].index == 0:
        return
    message = "retrack needs a run from its start: trackers learn on step 0"
    if len(trace):
        message += f", this trace begins at step {trace[0].index}"
    raise ValueError(message)
