r"""Discriminative point tracking: a filter per handle, learned once on the first frame to tell the
point from the rest.

StableDrag (Cui et al., ECCV 2024) published no code. What is known of it, from its paper's text
and figures, and what is our choice here:

=====================================  ==============================================================
known                                  our choice, and where to change it
=====================================  ==============================================================
a filter z_i of 1×C×1×1 per handle     features as read; while learning, of unit mean square over all handles' regions
z_i begins as f_i, the template        as f_i / ‖f_i‖², so that its score at the handle is 1
learned on step 0, then frozen         on a window around the handle, or on the whole map: `region`
against a label y_i                    a Gaussian around the handle: `label`
minimising some loss                   mean squared error and a ridge μ: `ridge`
by gradient steps, about a second      Adam, or the exact minimum: `solver`, `lr`, `iterations`
score map + difference map             both stretched to 0..1 in the window: `fusion`
confidence: the best score             the learned score at the point, not stretched
threshold from the first step          a share of it: ``trust=above(ratio)``
unsure: supervise with first patch     the same radius as ever
=====================================  ==============================================================
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..geometry import REFERENCE, cells, inside, sample, window, window_size
from ..records import Edit, Size, TrackResult, View
from .search_window import best, read_window, similarity

SOLVERS = ("adam", "ridge")
# a window whose features differ by less than this share of the template counts as constant; our
# choice
SAME = 1e-3


@dataclass(frozen=True, eq=False)
class Filters:
    """What was learned on the first frame.

    Attributes:
        patch: (n 1 c) each handle's feature f_i, on the patch `offsets` (1 2) = (0, 0).
        weights: (n c) each handle's filter z_i.
        history: (iterations + 1, n, c) the filters from first to last, to watch the learning; with
            "ridge" just the first and the last.
        losses: (iterations + 1, n) the loss of each of them, ridge term included.
    """

    patch: Tensor
    offsets: Tensor
    weights: Tensor
    history: Tensor
    losses: Tensor


@dataclass(frozen=True)
class Discriminative:
    r"""The best pixel in the window by a learned filter and by the distance to the handle's first
    feature.

    .. math::
        z_i = \arg\min_z \tfrac1K \sum_q (z·F_0(q) - y_i(q))^2 + μ‖z‖^2, \quad
        y_i(q) = e^{-‖q - p_i^0‖^2 / 2σ^2}

        S(q) = λ\,N(z_i·F(q)) + (1 - λ)\,N(-‖F(q) - f_i‖), \quad p_i = \arg\max_{q ∈ Ω_2} S(q)

    N stretches a map to 0..1 within the window. The confidence is the learned score z_i·F(p_i) as
    it is: about 0 where the content looks like the rest, highest where it looks like the handle's
    did. It stays below the label's 1, the more so the larger the region; the gate therefore
    compares it with itself at step 1. Source: StableDrag; this module's docstring says what is
    known and what is our choice.

    Args:
        radius: of the square window, for a 512-px image (DragGAN's 12). This one, `label` and
            `region` count in strides where there is a `stride`.
        fusion: λ, 1 = the learned map alone, 0 = nearest neighbour.
        label: σ of the Gaussian label, in pixels of a 512-px image.
        region: radius of the window to learn on, for a 512-px image; ``None`` = the whole map.
        solver: "adam" takes gradient steps from f_i / ‖f_i‖², "ridge" solves for the minimum.
        ridge: μ, in units of the features' mean square.
        lr, iterations: Adam's.
        stride: pixels between the places looked at and learned from (DragDiffusion: 2); None for
            every pixel.

    Raises:
        ValueError: an unknown solver, or a number out of its range.
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

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise ValueError(f"unknown solver {self.solver!r}; choose from {', '.join(SOLVERS)}")
        if not (isinstance(self.fusion, int | float) and 0 <= self.fusion <= 1):
            raise ValueError(
                f"fusion is {self.fusion!r}; it must lie in 0..1: 1 = the learned map alone, 0 ="
                " nearest neighbour"
            )
        for name in ("label", "ridge", "lr", "iterations"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < float("inf")):
                raise ValueError(f"{name} is {value!r}; it must be above 0")
        if self.iterations != int(self.iterations):
            raise ValueError(f"iterations is {self.iterations!r}; give a whole number")

    def check(self, size: Size) -> None:
        """Raise ValueError where a radius is below one pixel in an image of `size`."""
        for radius in (self.radius, self.region):
            if radius is not None:
                window_size(radius, self.stride, size)

    def start(self, view: View, edit: Edit) -> Filters:
        """Learn the filters (n c) on step 0, all handles in one batch; warns of a handle with
        nothing to learn.
        """
        patch = sample(view.features.detach(), edit.handles[:, None], view.size)
        _warn_of_sameness(view, edit, patch, *window_size(self.radius, self.stride, view.size))
        features, labels, share = self._examples(view, edit)
        scale = (share * features.square().mean(-1)).sum(1).mean().sqrt().clamp_min(1e-8)
        gram, product, rest = _moments(features / scale, labels, share)
        gram = gram + self.ridge * torch.eye(gram.shape[-1]).to(gram)
        first = patch[:, 0] / scale
        first = first / first.square().sum(1, keepdim=True).clamp_min(1e-8)
        history = (
            self._adam(gram, product, first)
            if self.solver == "adam"
            else torch.stack([first, torch.linalg.solve(gram, product)])
        )
        losses = (
            torch.einsum("inc,ncd,ind->in", history, gram, history)
            - 2 * (history * product).sum(-1)
            + rest
        )
        return Filters(
            patch, torch.zeros_like(edit.handles[:1]), history[-1] / scale, history / scale, losses
        )

    def find(self, view: View, memory: Filters, search_centre: Tensor) -> TrackResult:
        """Look for the handles in the windows around `search_centre` (n 2); ``maps`` has "learned" and
        "difference".
        """
        radius, stride = window_size(self.radius, self.stride, view.size)
        pixels, features = read_window(view, search_centre, radius, stride)
        learned = torch.einsum("nklc,nc->nkl", features, memory.weights)
        difference = similarity(features, memory.patch[:, 0])
        scores = self.fusion * minmax_normalize(learned) + (1 - self.fusion) * minmax_normalize(
            difference
        )
        points, place = best(scores, pixels)
        confidence = learned.flatten(1)[torch.arange(len(place)), place]
        return TrackResult(
            points,
            confidence,
            scores,
            memory,
            {"learned": learned, "difference": difference},
            stride=stride,
        )

    def _examples(self, view: View, edit: Edit) -> tuple[Tensor, Tensor, Tensor]:
        """Features (m K c), labels (n K) and each example's share of the mean (m K); m = 1 where
        all handles share the whole map.
        """
        if self.region is None:
            pixels = cells(view.features, view.size)[None]
        else:
            pixels = window(
                edit.handles, *window_size(self.region, self.stride, view.size)
            ).flatten(1, 2)
        known = inside(pixels, view.size).to(edit.handles)
        width = self.label * (self.stride or view.size[0] / REFERENCE)
        labels = torch.exp(-(pixels - edit.handles[:, None]).square().sum(-1) / (2 * width**2))
        return (
            sample(view.features.detach(), pixels, view.size),
            labels,
            known / known.sum(1, keepdim=True),
        )

    def _adam(self, gram: Tensor, product: Tensor, z: Tensor) -> Tensor:
        """Every filter from `z` (n c) on: (iterations + 1, n, c); Adam works number by number, so
        handles do not mix.
        """
        z, history = z.clone(), [z]
        adam = torch.optim.Adam([z], self.lr)
        for _ in range(self.iterations):
            z.grad = 2 * (torch.einsum("ncd,nd->nc", gram, z) - product)  # of z·Gz - 2 b·z + s
            adam.step()
            history.append(z.clone())
        return torch.stack(history)


def minmax_normalize(scores: Tensor) -> Tensor:
    """Each window of `scores` (n k k) brought to 0..1, worst to best; 0 where all are the same."""
    flat = scores.flatten(1)
    low = flat.nan_to_num(torch.inf).amin(1)[:, None, None]
    high = flat.nan_to_num(-torch.inf).amax(1)[:, None, None]
    return (scores - low) / (high - low).clamp_min(1e-12)


def _moments(features: Tensor, labels: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean squared error as a quadratic, z·Gz - 2 b·z + s: G (n c c), b (n c), s (n). However
    many examples: c² numbers.
    """
    n = len(labels)
    gram = (features * share[..., None]).mT @ features
    product = ((share * labels)[:, None] @ features.expand(n, -1, -1))[:, 0]
    return gram.expand(n, -1, -1), product, (share * labels.square()).sum(1)


def _warn_of_sameness(view: View, edit: Edit, patch: Tensor, radius: int, stride: float) -> None:
    """A search window of one and the same feature has no best pixel, whatever the filter."""
    _, features = read_window(view, edit.handles, radius, stride)
    spread = (features - patch[:, None]).norm(dim=-1).nan_to_num().flatten(1).amax(1)
    for i in (spread <= SAME * patch[:, 0].norm(dim=-1)).nonzero()[:, 0].tolist():
        x, y = edit.handles[i].tolist()
        warnings.warn(
            f"handle {i} at ({x:g}, {y:g}) lies on a constant patch: every pixel of its window"
            " looks the same, so there is nothing to learn that would tell them apart; move it"
            " onto something with structure",
            stacklevel=3,
        )
