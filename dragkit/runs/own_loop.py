"""A loop of your own as a run: the steps that :meth:`dragkit.Trace.of` makes of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..answers import checked_view
from ..arguments import real_numbers, shown
from ..asking import asked
from ..contract import FAR, check_places
from ..latents import checked_latent
from ..pieces import Viewer
from ..records import Edit, Step, TrackResult


def step_of_pair(model: Viewer, index: int, pair: Any, edit: Edit, arrive: float) -> Step:
    """The step of a latent and its points, without what such a loop does not report.

    Raises:
        TypeError: the pair is none, or a part of it is something else.
        ValueError: there are not as many finite points as handles, or the latent is not the
            model's.
    """
    arrive = edit.arrive or arrive
    latent, points = _checked_pair(model, index, pair, edit)
    n = len(points)
    unknown = torch.full([n], torch.nan)
    track = TrackResult(points, unknown, torch.full([n, 1, 1], torch.nan), memory=None)
    check_places(f"pair {index} gives", track, {"points"}, model.size, FAR)
    return Step(
        index=index,
        latent=latent.clone(),
        edit=edit,
        view=checked_view(asked("the model's view", model.view, latent), model.size, latent),
        track=track,
        losses={},
        arrived=track.arrived(edit.targets, arrive),
        search_centre=points,
        initial_confidence=unknown,
        tracker="your own",
        arrive=arrive,
    )


def _checked_pair(model: Viewer, index: int, pair: Any, edit: Edit) -> tuple[Tensor, Tensor]:
    """The latent, and its points (n 2) on the CPU."""
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise TypeError(f"pair {index} is {shown(pair)}; give a latent and its points")
    points = real_numbers(f"the points of pair {index}", pair[1], "one (x, y) for each handle")
    points = points.float().cpu()
    if points.ndim == 1 and len(points) == 2:
        points = points[None]
    if points.shape != edit.handles.shape or not points.isfinite().all():
        raise ValueError(
            f"the points of pair {index} are {points.tolist()}, and the edit has"
            f" {len(edit.handles)} handles; give a finite (x, y) for each"
        )
    return checked_latent(model, pair[0]).detach(), points
