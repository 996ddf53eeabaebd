r"""Line search: FreeDrag's answer, without point tracking.

It does not ask where the content is; it says where it should be next. Each handle has a *goal* on
the line to its target and a *template*, the patch that should be found there
(:class:`dragkit.losses.TemplatePatchLoss` pulls it there). A goal stays for a *sub-motion* of at
most five updates. Then one of three cases applies, decided by the loss L at the beginning and the
end of the sub-motion and by the expected loss l:

==========================  ========  ========================================================
L_end < l/2                 "hop"     easy: of ten places up to `hop` ahead, the one where L is
                                      closest to l
l/2 ≤ L_end < L_begin       "stay"    the content is coming along: the same goal again
otherwise                   "back"    too far: of ten places from `hop` behind to `hop` ahead,
                                      the one where L is smallest
==========================  ========  ========================================================

Source: FreeDrag (Ling et al., CVPR 2024) and its official code, which has these thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..arguments import positive
from ..geometry import (
    REFERENCE,
    check_reach,
    clamp_inside,
    inside,
    sample,
    square,
    toward,
    window,
)
from ..numeric import is_whole
from ..records import Edit, Goals, Size, TrackResult, View
from .cases import cases_of, is_case
from .template import template_loss, with_patch

UPDATES = 5  # of a sub-motion
PLACES = 10  # on the line that are compared
COMPARED = 1 << 19  # features that are compared for the scores of one handle, at most
GRACE = 10  # updates that remain once every goal is at its target


@dataclass(frozen=True, eq=False)
class LineSearchState:
    """What a line search remembers: the templates, and how the present sub-motion is going.

    Attributes:
        patch: (n q c) the templates T, on the patches `offsets`.
        offsets: (q 2) in pixels.
        first: (n q c) the templates of step 0.
        targets: (n 2).
        arrive: the stop distance in pixels.
        expected: (n) l.
        begin: (n) L when this sub-motion began.
        end: (n) L when the last one ended.
        now: (n) L at the last step.
        goals: the last answer.
        updates: made in this sub-motion; 0 before the first.
        late: steps since every goal is at its target.
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
    r"""The next goal of every handle, on the line to its target, and the template to find there.

    .. math::
        L(q) = \operatorname{mean} |F(q + Ω) - T|, \qquad
        T ← x\,F(h + Ω) + (1 - x)\,T, \quad
        x = \frac1{1 + e^{a (L_{end} - b)}}, \quad a = \frac{\ln 9}{0.6\, l}, \quad b = 0.2\, l

    At the end of each sub-motion the template takes the fraction x of what is now at the goal h:
    half of it at L_end = 0.2 l, a tenth at 0.8 l, all of it on arrival. A sub-motion ends early
    once L < `enough` · l for every handle. A handle has arrived when its goal is within the stop
    distance and L_end ≤ `enough` · l; once all goals are there, after ten more updates in any
    case. The confidence is not measured: NaN. ``scores`` is -L on the pixels around the last goal,
    to look at.

    Source: FreeDrag and its official code.

    Args:
        radius: of the square Ω in places (official code: 1 for GANs, 4 for diffusion models).
        stride: pixels between these places (3 and 2).
        hop: how far a goal may go in one sub-motion, for a 512-px image (12 to 16, and 10).
        expected: l in the units of the features. The official code has a table of them by model
            (0.3 and 0.4 for GANs, 1 for diffusion models). None measures it (our choice):
            `fraction` of the mean of L on the first view, `hop` pixels from the handle in eight
            directions.
        fraction: see `expected`.
        enough: the fraction of l that counts as done (0.25 and 0.5).

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
        if not is_whole(self.radius, 1):
            raise ValueError(
                f"radius is {self.radius!r}; give a whole number of places, 1 for a patch of 3 x 3"
            )
        for name in ("stride", "hop", "fraction", "enough"):
            positive(name, getattr(self, name), getattr(LineSearch, name))
        if self.expected is not None:
            positive("expected", self.expected, 0.3)
        if self.enough > 0.5:
            raise ValueError(
                f"enough is {self.enough:g}; above 0.5 a handle could arrive too far to hop again"
            )

    def check(self, size: Size) -> None:
        """Raise ValueError if the patch, or what is compared, is too large in images of `size`."""
        check_reach(self.radius, self.stride, size)
        if self._hop(size) > max(size):
            raise ValueError(
                f"hop {self.hop:g} (for a {REFERENCE}-px image) is larger than an image of"
                f" {size[1]}×{size[0]} px; use a smaller one, such as 12"
            )
        scored = (2 * self._score_radius(size) + 1) ** 2
        patch = (2 * self.radius + 1) ** 2
        if scored * patch > COMPARED:
            raise ValueError(
                f"hop {self.hop:g} (for a {REFERENCE}-px image) and radius {self.radius} compare"
                f" {scored * patch:,} features for each handle in an image of {size[1]}×{size[0]}"
                f" px, more than {COMPARED:,}; use a smaller hop, such as 12, or radius"
            )

    def start(self, view: View, edit: Edit) -> LineSearchState:
        """Take the templates (n q c) from step 0."""
        self.check(view.size)
        handles = edit.handles
        offsets = self.stride * square(self.radius).flatten(0, 1).to(handles)
        patch = sample(view.features.detach(), handles[:, None] + offsets, view.size)

        zero = patch.new_zeros(len(handles))
        return LineSearchState(
            patch=patch,
            offsets=offsets,
            first=patch,
            targets=edit.targets,
            arrive=edit.arrive or 1.0,
            expected=self._expected(view, handles, offsets, patch),
            begin=zero,
            end=zero,
            now=zero,
            goals=Goals(handles[:, None], ("start",) * len(handles), zero.bool(), zero),
        )

    def patched(
        self, view: View, memory: LineSearchState, handle: int, place: Tensor
    ) -> LineSearchState:
        """Take one handle's template from around `place` (2) of this view."""
        patched: LineSearchState = with_patch(view, memory, handle, place)
        return patched

    def find(self, view: View, memory: LineSearchState, search_centre: Tensor) -> TrackResult:
        """The goals after one more step, from the goals `search_centre` (n 2)."""
        now = template_loss(view, search_centre[:, None], memory.patch, memory.offsets)[:, 0]
        goals = search_centre
        if self._has_ended(memory):
            memory = self._update_template(view, replace(memory, end=now, updates=0), goals)
        if memory.updates == 0:
            goals, reported = self._next_goals(view, memory, goals)
            now = template_loss(view, goals[:, None], memory.patch, memory.offsets)[:, 0]
            memory = replace(memory, begin=now, goals=reported)

        memory = replace(memory, now=now, updates=memory.updates + 1)
        memory = self._settle_late(memory, goals)
        return TrackResult(
            points=goals,
            confidence=torch.full_like(now, torch.nan),
            scores=self._scores(view, memory, search_centre),
            memory=memory,
            goals=memory.goals,
        )

    def _hop(self, size: Size) -> float:
        """The farthest hop in pixels of an image of `size`."""
        return self.hop * size[0] / REFERENCE

    def _score_radius(self, size: Size) -> int:
        """The radius in pixels of the scores, which reach somewhat farther than a hop."""
        return math.ceil(1.5 * self._hop(size))

    def _expected(self, view: View, handles: Tensor, offsets: Tensor, patch: Tensor) -> Tensor:
        """L (n): given, or measured on a ring around each handle."""
        if self.expected is not None:
            return patch.new_zeros(len(handles)) + self.expected

        angles = torch.arange(8).to(handles) * torch.pi / 4
        ring = self._hop(view.size) * torch.stack([angles.cos(), angles.sin()], 1)
        loss = template_loss(view, handles[:, None] + ring, patch, offsets)
        return self.fraction * loss.mean(1).clamp_min(1e-8)

    def _has_ended(self, memory: LineSearchState) -> bool:
        """Whether the sub-motion is over: its updates are used up, or L is small enough."""
        if memory.updates == UPDATES:
            return True
        done = (memory.now < self.enough * memory.expected).all()
        return memory.updates > 0 and bool(done)

    def _update_template(
        self, view: View, memory: LineSearchState, goals: Tensor
    ) -> LineSearchState:
        """Who has arrived, and the templates with their fraction of what is now at the goals."""
        at_target = (memory.targets - goals).norm(dim=1) <= memory.arrive
        settled = at_target & (memory.end <= self.enough * memory.expected)

        x = torch.sigmoid(-math.log(9) / 0.6 * (memory.end / memory.expected - 0.2))
        x = x.masked_fill(settled, 1)
        found = sample(view.features.detach(), goals[:, None] + memory.offsets, view.size)
        patch = memory.patch.lerp(found, x[:, None, None])

        change = (patch - memory.first).abs().sum((1, 2))
        drift = change / memory.first.abs().sum((1, 2)).clamp_min(1e-8)
        reported = replace(memory.goals, settled=settled, drift=drift)
        return replace(memory, patch=patch, goals=reported)

    def _next_goals(
        self, view: View, memory: LineSearchState, goals: Tensor
    ) -> tuple[Tensor, Goals]:
        """The next goals (n 2) by the three cases; handles that have arrived stay."""
        settled = memory.goals.settled
        cases = cases_of(settled, memory.begin, memory.end, memory.expected)
        back = is_case(cases, ("back",), goals)
        moves = is_case(cases, ("hop", "back"), goals)

        candidates = self._candidates(view, memory, goals, back)
        wanted = torch.where(back, 0, memory.expected[:, None])
        loss = template_loss(view, candidates, memory.patch, memory.offsets)
        chosen = (loss - wanted).abs().argmin(1)

        goals = torch.where(moves, candidates[torch.arange(len(goals)), chosen], goals)
        return goals, replace(memory.goals, candidates=candidates, cases=cases)

    def _candidates(
        self, view: View, memory: LineSearchState, goals: Tensor, back: Tensor
    ) -> Tensor:
        """The places (n m 2) on the line to the target that are compared, inside the image."""
        hop = self._hop(view.size)
        ahead = toward(goals, memory.targets, hop)
        begin = torch.where(back, goals - ahead, goals)
        path = torch.where(back, toward(begin, memory.targets, 2 * hop), ahead)

        steps = torch.arange(1, PLACES + 1).to(goals) / PLACES
        candidates = begin[:, None] + path[:, None] * steps[:, None]
        return clamp_inside(candidates, view.size)

    def _settle_late(self, memory: LineSearchState, goals: Tensor) -> LineSearchState:
        """Count the steps with all goals at their targets; after the grace all are settled."""
        at_target = ((memory.targets - goals).norm(dim=1) <= memory.arrive).all()
        late = memory.late + 1 if at_target else 0
        settled = memory.goals.settled | (late > GRACE)
        return replace(memory, late=late, goals=replace(memory.goals, settled=settled))

    def _scores(self, view: View, memory: LineSearchState, centre: Tensor) -> Tensor:
        """-L (n k k) on the pixels around `centre`, NaN outside the image."""
        pixels = window(centre, self._score_radius(view.size))
        loss = template_loss(view, pixels.flatten(1, 2), memory.patch, memory.offsets)
        scores = -loss.view(pixels.shape[:3])
        return scores.masked_fill(~inside(pixels, view.size), torch.nan)
