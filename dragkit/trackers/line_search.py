r"""Line search: FreeDrag's way without point tracking. It does not ask where the content is; it
says where it shall be next.

Each handle has a *goal* on the line to its target and a *template*, the patch that shall be found
there (:class:`dragkit.losses.TemplatePatchLoss` pulls it there). A goal is kept for a *sub-motion*
of at most five updates. Then three cases tell how it went, by the loss L at the sub-motion's begin
and end, beside the expected loss l:

==========================  ========  ===========================================================================
L_end < l/2                 "hop"     easy: of ten places up to `hop` ahead, the one where L is nearest to l
l/2 ≤ L_end < L_begin       "stay"    it comes along: the same goal again
otherwise                   "back"    too far: of ten places from `hop` behind to `hop` ahead, the one where L is least
==========================  ========  ===========================================================================

Source: FreeDrag (Ling et al., CVPR 2024) and its official code, whose thresholds these are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..geometry import REFERENCE, inside, sample, square, window
from ..records import Edit, Goals, TrackResult, View

UPDATES = 5  # of a sub-motion
PLACES = 10  # on the line that are compared
LATE = 10  # updates that are left once every goal is at its target


@dataclass(frozen=True, eq=False)
class LineSearchState:
    """What a line search remembers: the templates, and how the present sub-motion goes.

    Attributes:
        patch: (n q c) the templates T on the patches `offsets` (q 2); and
        first: (n q c) as they were at step 0.
        targets: (n 2), and how near counts as arrived: `arrive`, in pixels.
        expected: (n) l.
        begin, end, now: (n) L when this sub-motion began, when the last one ended, and at the last
            look.
        updates: made in this sub-motion; 0 before the first.
        late: looks since every goal is at its target.
        goals: what it answered last.
    """

    patch: Tensor
    offsets: Tensor
    first: Tensor
    targets: Tensor
    arrive: float
    expected: Tensor
    begin: Tensor
    end: Tensor
    now: Tensor
    goals: Goals
    updates: int = 0
    late: int = 0


@dataclass(frozen=True)
class LineSearch:
    r"""The next goal of every handle on the line to its target, and the template that shall be
    found there.

    .. math::
        L(q) = \operatorname{mean} |F(q + Ω) - T|, \qquad
        T ← x\,F(h + Ω) + (1 - x)\,T, \quad x = \frac1{1 + e^{a (L_{end} - b)}}, \quad a = \frac{\ln 9}{0.6\, l}, \quad b = 0.2\, l

    At the end of each sub-motion the template takes the share x of what is now at the goal h: half
    of it at L_end = 0.2 l, a tenth at 0.8 l, all on arrival. A sub-motion ends early once L <
    `enough` · l for every handle. A handle has arrived when its goal lies within the stop distance
    and L_end ≤ `enough` · l; once all goals lie there, after ten more updates in any case. The
    confidence is not measured: NaN. ``scores`` is -L on the pixels around the last goal, to look
    at.

    Args:
        radius: of the square Ω in places (official code: 1 for GANs, 4 for diffusion models),
            `stride` pixels apart (3 and 2).
        hop: how far a goal may go in one sub-motion, for a 512-px image (12 to 16 and 10).
        expected: l in the features' own units. The official code has a table of them by model (0.3
            and 0.4 for GANs, 1 for diffusion models); None measures it (our choice): `fraction` of
            what the template differs from its surroundings, the mean of L on the first view at
            `hop` pixels from the handle in eight directions.
        enough: share of l that counts as done (0.25 and 0.5).

    Raises:
        ValueError: a number out of its range.
    """

    radius: int = 1
    stride: float = 2
    hop: float = 12
    expected: float | None = None
    fraction: float = 0.5
    enough: float = 0.25

    def __post_init__(self) -> None:
        if not isinstance(self.radius, int) or isinstance(self.radius, bool) or self.radius < 1:
            raise ValueError(
                f"radius is {self.radius!r}; give a whole number of places, 1 for a patch of 3 x 3"
            )
        for name in ("stride", "hop", "fraction", "enough") + ("expected",) * (
            self.expected is not None
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ValueError(f"{name} is {value!r}; it must be above 0")
        if self.enough > 0.5:
            raise ValueError(
                f"enough is {self.enough:g}; above 0.5 a handle could arrive that is not near"
                " enough for its next hop"
            )

    def start(self, view: View, edit: Edit) -> LineSearchState:
        """Take the templates (n q c) from step 0."""
        n = len(edit.handles)
        offsets = self.stride * square(self.radius).flatten(0, 1).to(edit.handles)
        patch = sample(view.features.detach(), edit.handles[:, None] + offsets, view.size)
        zero = patch.new_zeros(n)
        goals = Goals(edit.handles[:, None], ("start",) * n, zero.bool(), zero)
        expected = (
            self._expected(view, edit.handles, offsets, patch)
            if self.expected is None
            else zero + self.expected
        )
        return LineSearchState(
            patch,
            offsets,
            patch,
            edit.targets,
            edit.arrive or 1.0,
            expected,
            zero,
            zero,
            zero,
            goals,
        )

    def find(self, view: View, memory: LineSearchState, search_centre: Tensor) -> TrackResult:
        """The goals after one more look, from the goals `search_centre` (n 2)."""
        now = _loss(view, search_centre[:, None], memory.patch, memory.offsets)[:, 0]
        goals = search_centre
        if memory.updates == UPDATES or (
            memory.updates and (memory.now < self.enough * memory.expected).all()
        ):
            memory = self._blended(view, replace(memory, end=now, updates=0), search_centre)
        if memory.updates == 0:
            goals, found = self._located(view, memory, search_centre)
            now = _loss(view, goals[:, None], memory.patch, memory.offsets)[:, 0]
            memory = replace(memory, begin=now, goals=found)
        memory = self._counted(replace(memory, now=now, updates=memory.updates + 1), goals)
        pixels = window(search_centre, math.ceil(1.5 * self._hop(view)))
        scores = -_loss(view, pixels.flatten(1, 2), memory.patch, memory.offsets).view(
            pixels.shape[:3]
        )
        scores = scores.masked_fill(~inside(pixels, view.size), torch.nan)
        return TrackResult(
            goals, torch.full_like(now, torch.nan), scores, memory, goals=memory.goals
        )

    def _hop(self, view: View) -> float:
        return self.hop * view.size[0] / REFERENCE

    def _expected(self, view: View, handles: Tensor, offsets: Tensor, patch: Tensor) -> Tensor:
        """l (n): what the template differs from the patches around it, on average."""
        angles = torch.arange(8).to(handles) * torch.pi / 4
        ring = handles[:, None] + self._hop(view) * torch.stack([angles.cos(), angles.sin()], 1)
        return self.fraction * _loss(view, ring, patch, offsets).mean(1).clamp_min(1e-8)

    def _blended(self, view: View, memory: LineSearchState, goals: Tensor) -> LineSearchState:
        """After a sub-motion: who has arrived, and the templates with their share of what is now
        at the goals.
        """
        there = (memory.targets - goals).norm(dim=1) <= memory.arrive
        settled = there & (memory.end <= self.enough * memory.expected)
        x = torch.sigmoid(-math.log(9) / 0.6 * (memory.end / memory.expected - 0.2)).masked_fill(
            settled, 1
        )
        patch = memory.patch.lerp(
            sample(view.features.detach(), goals[:, None] + memory.offsets, view.size),
            x[:, None, None],
        )
        drift = (patch - memory.first).abs().sum((1, 2)) / memory.first.abs().sum(
            (1, 2)
        ).clamp_min(1e-8)
        return replace(
            memory, patch=patch, goals=replace(memory.goals, settled=settled, drift=drift)
        )

    def _located(self, view: View, memory: LineSearchState, h: Tensor) -> tuple[Tensor, Goals]:
        """The next goals (n 2) by the three cases; those of handles that have arrived stay."""
        easy, less = memory.end < memory.expected / 2, memory.end < memory.begin
        cases = [
            "done" if d else "hop" if e else "stay" if s else "back"
            for d, e, s in zip(memory.goals.settled, easy, less)
        ]
        back = torch.tensor([case == "back" for case in cases], device=h.device)[:, None]
        hop = self._hop(view)
        begin = torch.where(back, h - _toward(h, memory.targets, hop), h)
        way = torch.where(
            back, _toward(begin, memory.targets, 2 * hop), _toward(h, memory.targets, hop)
        )
        candidates = (
            begin[:, None] + way[:, None] * (torch.arange(1, PLACES + 1).to(h) / PLACES)[:, None]
        )
        candidates = candidates.clamp(min=0).minimum(h.new_tensor(view.size).flip(0) - 1)
        wanted = torch.where(back, 0, memory.expected[:, None])
        place = (_loss(view, candidates, memory.patch, memory.offsets) - wanted).abs().argmin(1)
        moves = torch.tensor([case in ("hop", "back") for case in cases], device=h.device)[:, None]
        goals = torch.where(moves, candidates[torch.arange(len(h)), place], h)
        return goals, replace(memory.goals, candidates=candidates, cases=tuple(cases))

    def _counted(self, memory: LineSearchState, goals: Tensor) -> LineSearchState:
        """Settled too is what has been at its target for long."""
        there = ((memory.targets - goals).norm(dim=1) <= memory.arrive).all()
        late = memory.late + 1 if there else 0
        settled = memory.goals.settled | (late > LATE)
        return replace(memory, late=late, goals=replace(memory.goals, settled=settled))


def _toward(points: Tensor, targets: Tensor, most: float) -> Tensor:
    """(n 2) from `points` toward `targets`, at most `most` pixels."""
    way = targets - points
    return way * (most / way.norm(dim=1, keepdim=True).clamp_min(1e-8)).clamp(max=1)


def _loss(view: View, places: Tensor, patch: Tensor, offsets: Tensor) -> Tensor:
    """L (n m) of the templates `patch` (n q c) at `places` (n m 2)."""
    found = sample(view.features.detach(), places[:, :, None] + offsets, view.size)
    return (found - patch[:, None]).abs().mean((2, 3))
