r"""Discriminative point tracking: learn a filter per handle that tells the point from the rest.

The filters are learned once, on the first frame. StableDrag (Cui et al., ECCV 2024) published no
code. What is known of it, from its paper's text and figures, and what is our choice here:

====================================  ==========================================================
known                                 our choice, and where to change it
====================================  ==========================================================
a filter z_i of 1×C×1×1 per handle    features as they are; while learning, scaled to unit mean
                                      square over all handles' regions
z_i begins as f_i, the template       as f_i / ‖f_i‖², so that its score at the handle is 1
learned on step 0, then frozen        on a window around the handle, or on the whole map:
                                      `region`
against a label y_i                   a Gaussian around the handle: `label`
minimising some loss                  mean squared error and a ridge μ: `ridge`
by gradient steps, about a second     Adam, or the exact minimum: `solver`, `lr`, `iterations`
score map + difference map            both normalised to 0..1 in the window: `fusion`
confidence: the best score            the learned score at the point, not normalised
threshold from the first step         a fraction of it: ``trust=above(ratio)``
unsure: supervise with first patch    the radius does not change
====================================  ==========================================================
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..arguments import instance
from ..geometry import (
    REFERENCE,
    cells,
    check_window,
    inside,
    sample,
    whole_radius,
    window,
    window_size,
)
from ..numeric import is_positive, is_real, is_whole
from ..records import Edit, Size, TrackResult, View
from ..scores import minmax_normalize
from .candidates import Candidates, check_candidates
from .quadratic import QuadraticError
from .search_window import best, between_pixels, read_window, restricted, similarity
from .template import with_patch

SOLVERS = ("adam", "ridge")

ITERATIONS = 10_000  # of Adam at most; each is kept

# A window whose features differ by less than this fraction of the template counts as constant;
# our choice.
CONSTANT = 1e-3


@dataclass(frozen=True, eq=False)
class Filters:
    """What was learned on the first frame.

    Attributes:
        patch: (n 1 c) each handle's feature f_i, on the patch `offsets`.
        offsets: (1 2) = (0, 0).
        weights: (n c) each handle's filter z_i.
        history: (iterations + 1, n, c) the filters from first to last, so that one can watch the
            learning; with the solver "ridge" just the first and the last.
        losses: (iterations + 1, n) the loss of each of them, ridge term included.
        targets: (n 2), for a tracker that may only take places on the way there.
    """

    patch: Tensor
    offsets: Tensor
    weights: Tensor
    history: Tensor
    losses: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class Discriminative:
    r"""Track the best pixel by a learned filter and by the distance to the first feature.

    .. math::
        z_i = \arg\min_z \tfrac1K \sum_q (z·F_0(q) - y_i(q))^2 + μ‖z‖^2, \quad
        y_i(q) = e^{-‖q - p_i^0‖^2 / 2σ^2}

        S(q) = λ\,N(z_i·F(q)) + (1 - λ)\,N(-‖F(q) - f_i‖), \quad p_i = \arg\max_{q ∈ Ω_2} S(q)

    N normalises a map to 0..1 within the window. The confidence is the learned score z_i·F(p_i)
    itself. It is about 0 where the content looks like the rest, and highest where it looks as it
    did at the handle. It stays below the label's 1, the more so the larger the region; the gate
    therefore compares it with its own value at step 1.

    Source: StableDrag. This module's docstring says what is known and what is our choice.

    Args:
        radius: of the square window, for a 512-px image (DragGAN: 12); like `label` and `region`
            in strides if `stride` is set.
        fusion: λ; 1 = the learned map alone, 0 = nearest neighbour.
        label: σ of the Gaussian label, in pixels of a 512-px image.
        region: radius of the window to learn on, for a 512-px image; None = the whole map.
        solver: "adam" takes gradient steps from f_i / ‖f_i‖², "ridge" solves for the minimum.
        ridge: μ, in units of the features' mean square.
        lr: Adam's step size.
        iterations: how many steps Adam takes.
        stride: pixels between the places that are compared and learned from (DragDiffusion: 2);
            None for every pixel.
        candidates: which of these places it may take, such as ``Nearer()``
            (:mod:`dragkit.trackers.candidates`); None for all.
        subpixel: put the point between the pixels, at the peak of a parabola through S (our
            choice; not exact, as S has an edge at its peak, but nearer).

    Raises:
        ValueError: an unknown solver, or a number out of its range.
        TypeError: candidates that are no rule.
    """

    radius: float = 12
    fusion: float = 0.5
    label: float = 8
    region: float | None = 96
    solver: Literal["adam", "ridge"] = "adam"
    ridge: float = 1e-2
    lr: float = 1e-2
    iterations: int = 200
    stride: float | None = None
    candidates: Candidates | None = None
    subpixel: bool = False

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise ValueError(f"unknown solver {self.solver!r}; choose from {', '.join(SOLVERS)}")
        if not (is_real(self.fusion) and 0 <= self.fusion <= 1):
            raise ValueError(
                f"fusion is {self.fusion!r}; it must be in 0..1: 1 = the learned map alone, 0 ="
                " nearest neighbour"
            )
        for name in ("label", "ridge", "lr"):
            value = getattr(self, name)
            if not is_positive(value):
                raise ValueError(f"{name} is {value!r}; it must be above 0")
        if not is_whole(self.iterations, 1, ITERATIONS):
            raise ValueError(
                f"iterations is {self.iterations!r}; give a whole number from 1 to {ITERATIONS:,}"
            )
        instance("subpixel", self.subpixel, bool, "True or False")
        check_candidates(self.candidates)

    def check(self, size: Size) -> None:
        """Raise ValueError if a radius is larger than an image of `size`; say if one vanishes."""
        check_window(self.radius, self.stride, size)
        if self.region is not None:
            check_window(self.region, self.stride, size)
        if self._sigma(size) > max(size):
            raise ValueError(
                f"label is {self.label:g}, so the label is 1 in all of an image of"
                f" {size[1]}×{size[0]} px; give a smaller one, such as 8"
            )

    def everywhere(self, size: Size) -> Discriminative:
        """The same with all places of an image of `size` as candidates."""
        return replace(self, candidates=None, radius=whole_radius(size, self.stride))

    def start(self, view: View, edit: Edit) -> Filters:
        """Learn the filters (n c) on step 0, all handles in one batch.

        Warns of a handle on a constant patch, where there is nothing to learn.
        """
        patch = sample(view.features.detach(), edit.handles[:, None], view.size)
        self._warn_of_constant_patches(view, edit, patch)

        features, labels, weights = self._examples(view, edit)
        mean_square = (weights * features.square().mean(-1)).sum(1).mean()
        scale = mean_square.sqrt().clamp_min(1e-8)
        error = QuadraticError.of(features / scale, labels, weights, self.ridge)

        first = patch[:, 0] / scale
        first = first / first.square().sum(1, keepdim=True).clamp_min(1e-8)
        history = self._learn(error, first)
        return Filters(
            patch=patch,
            offsets=torch.zeros_like(edit.handles[:1]),
            weights=history[-1] / scale,
            history=history / scale,
            losses=error.of_filters(history),
            targets=edit.targets,
        )

    def patched(self, view: View, memory: Filters, handle: int, place: Tensor) -> Filters:
        """Take one handle's feature at `place` (2) of this view, and learn its filter there."""
        known: Filters = with_patch(view, memory, handle, place)
        own = self.start(view, Edit(place[None], place[None]))
        weights, history, losses = (
            part.clone() for part in (memory.weights, memory.history, memory.losses)
        )
        weights[handle] = own.weights[0]
        history[:, handle], losses[:, handle] = own.history[:, 0], own.losses[:, 0]
        return replace(known, weights=weights, history=history, losses=losses)

    def find(self, view: View, memory: Filters, search_centre: Tensor) -> TrackResult:
        """Search for the handles in the windows around `search_centre` (n 2).

        The result's ``maps`` are "learned" and "difference".
        """
        radius, stride = window_size(self.radius, self.stride, view.size)
        pixels, features = read_window(view, search_centre, radius, stride)

        learned = torch.einsum("nklc,nc->nkl", features, memory.weights)
        difference = similarity(features, memory.patch[:, 0])
        scores = self.fusion * minmax_normalize(learned)
        scores = scores + (1 - self.fusion) * minmax_normalize(difference)
        scores = restricted(scores, pixels, memory.targets, self.candidates)

        points, index = best(scores, pixels)
        if self.subpixel:
            points = between_pixels(points, scores, index, stride)
        confidence = learned.flatten(1)[torch.arange(len(index)), index]
        maps = {"learned": learned, "difference": difference}
        return TrackResult(points, confidence, scores, memory, maps, stride=stride)

    def _examples(self, view: View, edit: Edit) -> tuple[Tensor, Tensor, Tensor]:
        """Features (m K c), labels (n K) and each example's weight in the mean (m K).

        m = 1 if all handles share the whole map, else m = n.
        """
        if self.region is None:
            pixels = cells(view.features, view.size)[None]
        else:
            radius, stride = window_size(self.region, self.stride, view.size)
            pixels = window(edit.handles, radius, stride).flatten(1, 2)

        known = inside(pixels, view.size).to(edit.handles)
        weights = known / known.sum(1, keepdim=True)

        sigma = self._sigma(view.size)
        square_distance = (pixels - edit.handles[:, None]).square().sum(-1)
        labels = torch.exp(-square_distance / (2 * sigma**2))
        return sample(view.features.detach(), pixels, view.size), labels, weights

    def _sigma(self, size: Size) -> float:
        """The label's σ in pixels of an image of `size`."""
        return self.label * (self.stride or size[0] / REFERENCE)

    def _learn(self, error: QuadraticError, first: Tensor) -> Tensor:
        """Every filter from `first` (n c) on: (iterations + 1, n, c).

        Adam updates each number on its own, so handles do not affect each other.
        """
        if self.solver == "ridge":
            return torch.stack([first, error.minimum()])

        z = first.clone()
        history = [first]
        adam = torch.optim.Adam([z], self.lr)
        for _ in range(self.iterations):
            z.grad = error.gradient(z)
            adam.step()
            history.append(z.clone())
        return torch.stack(history)

    def _warn_of_constant_patches(self, view: View, edit: Edit, patch: Tensor) -> None:
        """A search window with one and the same feature has no best pixel, whatever the filter."""
        radius, stride = window_size(self.radius, self.stride, view.size)
        _, features = read_window(view, edit.handles, radius, stride)
        distance = (features - patch[:, None]).norm(dim=-1)
        largest = distance.nan_to_num().flatten(1).amax(1)

        constant = largest <= CONSTANT * patch[:, 0].norm(dim=-1)
        for i in constant.nonzero()[:, 0].tolist():
            x, y = edit.handles[i].tolist()
            warnings.warn(
                f"handle {i} at ({x:g}, {y:g}) is on a constant patch: every pixel of its window"
                " looks the same, so there is nothing to learn that would tell them apart; move it"
                " onto something with structure",
                stacklevel=3,
            )
