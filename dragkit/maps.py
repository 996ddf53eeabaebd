r"""Maps that explain a step, as arrays: likeness, scores of the whole image, the losses' pull.

What the widgets and the page show of a step is what the tracker saw in its window. These functions
look further: at every pair of places, at the whole image, at what the losses ask for, and at what
has become of the latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from .answers import checked_loss, checked_view
from .arguments import finite_array, instance, named_arguments, shown
from .asking import asked
from .geometry import covering_radius, inside, sample
from .gradients import gradients
from .pieces import LossTerm, Tracker, Viewer
from .records import Frame, Size, View
from .records.device import to_device
from .runs.trace import Trace, position_in
from .trackers import TrackEvery
from .validation import check_losses, check_model_and_edit


@runtime_checkable
class Widening(Protocol):
    """A tracker whose window can be made wider."""

    stride: float | None

    def everywhere(self, size: Size) -> Tracker:
        """The same tracker with a window as large as an image of `size`."""
        ...


@dataclass(frozen=True, eq=False)
class Pull:
    """What the losses ask of the features of a step.

    Attributes:
        gradient: (c h w) ∂L/∂F.
        strength: (h w) its length in each cell, ‖∂L/∂F(q)‖.
        field: (h w 2) which way the losses move the content of each cell, (x, y), and by how much
            the loss falls for each pixel of that.
    """

    gradient: Tensor = field(repr=False)
    strength: Tensor = field(repr=False)
    field: Tensor = field(repr=False)


@named_arguments
def similarity(view: View, place: Sequence[float], other: View | None = None) -> Tensor:
    r"""How like the feature at one place every cell is, -‖F'(q) - F(p)‖: (h w), 0 at best.

    Args:
        view: F, where the place is.
        place: p, (x, y) in pixels of the image.
        other: F', the view whose cells are compared, such as that of a later step; None for the
            same view.

    Raises:
        TypeError: a view is none.
        ValueError: the place is none, or the views have other numbers of channels.
    """
    other = view if other is None else other
    for name, one in (("view", view), ("other", other)):
        instance(name, one, View, "a view, such as model.view(latent)")
    if len(view.features) != len(other.features):
        raise ValueError(
            f"the views have {len(view.features)} and {len(other.features)} channels; give two"
            " views of one model"
        )
    point = finite_array("place", place, (2,), "a place (x, y) in pixels, such as (60, 80)")
    if not inside(torch.from_numpy(point), view.size):
        height, width = view.size
        raise ValueError(f"place is {tuple(point)}, outside of the image of {width}×{height} px")

    feature = sample(view.features.detach(), view.features.new_tensor(point), view.size)
    distance: Tensor = (other.features.detach() - feature[:, None, None]).norm(dim=0)
    return -distance


@named_arguments
def scores(
    model: Viewer, trace: Trace, at: int = -1, tracker: Tracker | None = None
) -> dict[str, Tensor]:
    """The score maps (n h w) of the whole image for all handles, by name.

    The tracker of the step, with what it remembered, searches the whole image, whatever candidates
    it is allowed to take. The entry (r, c)
    is the pixel x = stride c, y = stride r, with the tracker's stride. What is normalised within
    the window is normalised within the image here, so "fused" has other values than there.

    Args:
        model: the one that made the run.
        trace: the run.
        at: the position of the step.
        tracker: another tracker, which remembers the first step of the trace. A trace from a file
            knows only the name of its own.

    Raises:
        TypeError: the model or the trace is something else.
        ValueError: the tracker searches no window, or the trace does not have it.
    """
    frame = _checked(model, trace, at)
    if tracker is None:
        tracker, memory = _tracker_of(frame)
    elif not callable(getattr(tracker, "start", None)):
        raise TypeError(f"tracker is {shown(tracker)}; give one, such as NearestNeighbor()")
    else:
        edit = trace[0].edit.to(trace[0].latent.device)
        memory = tracker.start(_view(model, trace[0]), edit)
    while isinstance(tracker, TrackEvery):
        tracker, memory = tracker.tracker, memory.memory
    if not isinstance(tracker, Widening):
        raise ValueError(
            f"the tracker is {shown(tracker)}, whose window cannot be made wider; give another"
            " one, such as tracker=NearestNeighbor()"
        )

    view = _view(model, frame)
    stride = tracker.stride or 1
    middle = covering_radius(view.size, stride)
    centre = view.features.new_full((len(frame.points), 2), stride * middle)
    found = tracker.everywhere(view.size).find(view, memory, centre)
    maps = {"fused" if found.maps else "scores": found.scores, **found.maps}
    return {name: _inside(window, middle, stride, view.size) for name, window in maps.items()}


@named_arguments
def pull(model: Viewer, trace: Trace, losses: Sequence[LossTerm], at: int = -1) -> Pull:
    r"""What the losses ask of the features at a step, and which way that would move the content.

    If the content of the cell q moves by d pixels, its feature becomes F(q - d). The loss then
    falls fastest along

    .. math::
        -\frac{∂L}{∂d} = J^T \frac{∂L}{∂F(q)}, \qquad
        J = \left(\frac{∂F}{∂x},\ \frac{∂F}{∂y}\right)

    with J (c 2) from central differences. So one can see that the shifted patch pulls from the
    handle to the target, although features are all that its loss compares. Source: our choice, by
    the chain rule.

    Args:
        model: the one that made the run.
        trace: the run, from its start.
        losses: the terms, such as ``draggan()["losses"]``.
        at: the position of the step.

    Raises:
        TypeError: the model, the trace or a loss is something else.
        ValueError: no loss depends on the features.
    """
    frame = _checked(model, trace, at)
    check_losses(losses, torch.inf)
    view = _view(model, frame)
    start = _view(model, trace[0])
    device = view.features.device
    given = (to_device(frame.step.track, device), start, frame.edit.to(device))

    with gradients():
        features = view.features.clone().requires_grad_()
        watched = replace(view, features=features)
        total = torch.stack([_value(loss, watched, given) for loss in losses]).sum()
        if not total.requires_grad:
            raise ValueError(
                "no loss depends on the features, so there is no pull; give one that does, such as"
                " ShiftedPatchLoss()"
            )
        (gradient,) = torch.autograd.grad(total, features)

    field = torch.einsum("dchw,chw->hwd", _slopes(view), gradient)
    return Pull(gradient, gradient.norm(dim=0), field)


@named_arguments
def latent_change(trace: Trace) -> Tensor:
    """How far each part of the latent has moved since the first step, ‖w_t - w_0‖.

    That is (s rows) for a GAN's latent (rows w), whose rows go to the layers in order, and (s h w)
    for a latent that is a map (c h w); s counts the steps of the trace.

    Raises:
        TypeError: it is no trace.
        ValueError: it is empty.
    """
    _check_trace(trace)
    latents = torch.stack([frame.latent.float() for frame in trace])
    axis = 1 if latents.ndim == 4 else -1
    change: Tensor = (latents - latents[0]).norm(dim=axis)
    return change


def _check_trace(trace: Trace) -> None:
    instance("trace", trace, Trace, "a Trace, such as dragkit.Trace(dragkit.drag(…))")
    if not len(trace):
        raise ValueError("the trace is empty; run a step first")


def can_search_everywhere(frame: Frame) -> bool:
    """Whether :func:`scores` can ask the tracker of this step."""
    tracker = frame.step.tracker
    while isinstance(tracker, TrackEvery):
        tracker = tracker.tracker
    return frame.step.memory is not None and isinstance(tracker, Widening)


def _checked(model: Viewer, trace: Trace, at: int) -> Frame:
    """The frame at a position, of a run from its start on this model."""
    _check_trace(trace)
    frame = trace[position_in(trace, at)]
    check_model_and_edit(model, frame.edit)
    if trace[0].index:
        raise ValueError(
            f"the trace begins at step {trace[0].index}; give a run from its start, because"
            " templates are read at step 0"
        )
    return frame


def _view(model: Viewer, frame: Frame) -> View:
    """What the model shows of a frame's latent, without gradients."""
    latent = frame.latent.to(getattr(model, "device", "cpu"))
    with torch.no_grad():
        view = checked_view(asked("the model's view", model.view, latent), model.size, latent)
    return replace(view, features=view.features.detach())


def _tracker_of(frame: Frame) -> tuple[Any, Any]:
    """The tracker that made a frame, and what it looked for."""
    if frame.step.memory is None:
        raise ValueError(
            f"step {frame.index} knows its tracker only as {shown(frame.step.tracker)}, because it"
            " comes from a file; give the tracker, such as tracker=NearestNeighbor()"
        )
    return frame.step.tracker, frame.step.memory


def _inside(windows: Tensor, middle: int, stride: float, size: Size) -> Tensor:
    """The places of `windows` (n k k) that are in the image, from its corner on.

    Args:
        windows: their middle is the place number `middle` in both directions.
        middle: counted from the corner.
        stride: pixels between places.
        size: of the image.
    """
    first = windows.shape[-1] // 2 - middle
    rows, columns = (first + int((side - 1) // stride) + 1 for side in size)
    return windows[:, first:rows, first:columns]


def _value(loss: LossTerm, view: View, given: tuple[Any, ...]) -> Tensor:
    value = asked(f"the loss {loss.name!r}", loss, view, *given)
    return checked_loss(loss.name, value)


def _slopes(view: View) -> Tensor:
    """∂F/∂x and ∂F/∂y (2 c h w) for each pixel of the image."""
    height, width = view.size
    rows, columns = view.features.shape[1:]
    spacing = (height / rows, width / columns)
    down, across = torch.gradient(view.features, spacing=spacing, dim=(1, 2))
    return torch.stack([across, down])
