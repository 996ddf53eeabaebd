r"""An image's latent: what a generator must be told to paint an image it has never made.

*Search* looks for the latent w+ whose image is nearest to the target x, from the average w̄ on:

.. math:: \min_u L(G(w̄ + u S), x) + λ mean u²,    S² = mean (w - w̄)(w - w̄)ᵀ  over w of random z.

A row of u is a row of w+ in units of w's spread, in every direction its own. So one learning rate
serves generators that publish w at different lengths, and directions that w hardly takes are
hardly taken. A search can end in a wrong pose, or with a mouth closed that should be open; against
that help noise on u that fades, λ, which pulls gently to the average, and three tries side by
side, of which the best goes on after half of the iterations. With the noise alone five renders of
24 ended so, with all three none of another 24.

*Tuning* (pivotal tuning, PTI) then holds that latent, the pivot, and moves the generator's weights
θ a little:

.. math:: \min_θ L(G_θ(w), x).

Around the pivot the tuned generator still knows how its images move, so the latent can be
dragged like any other. Both are generators of :class:`Inversion`: one for each iteration, with the
best so far, so whoever asks for them may show or stop them.

Sources: Abdal et al., "Image2StyleGAN" (2019) for w+; Karras et al., "StyleGAN2" (2020, appendix
D) for the noise on w and the learning rate's course; Zhu et al., "Improved StyleGAN Embedding"
(2020) for the spread's directions; Roich et al., "Pivotal Tuning" (2021). As PTI's code tunes with
the generator's own noise maps, they stay as they are: optimised under StyleGAN2's regulariser they
brought the lion 0.1 to 0.2 dB and its drags hardly anything, and what is in them does not move
when it is dragged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..diffusion.model import Diffusion
from ..image_metrics import Loss, default_loss, psnr
from ..settings import is_real, is_whole
from .model import StyleGAN2

STEPS, LR = 200, 0.2  # of a search; the rate in units of w's spread
TUNING_STEPS, TUNING_LR = 100, 1e-3
SAMPLES = 4096  # of z, to measure the spread of w
FLOOR = 1e-3  # of the largest variance: the least that a direction of w gets
NOISE = 1.0  # on u at the first iteration, in units of w's spread
PULL = 3e-2  # λ, on the mean square of u
TRIES = 3  # with noise of their own, through the first half of the iterations


@dataclass(frozen=True, eq=False)
class Inversion:
    """The best latent so far, and the model that paints it:
    ``dk.drag(found.model, found.latent, …)``.

    Of a diffusion model: the noisy latent, and the model with it as its reference; there is
    nothing to iterate, so no curves. `losses` and `psnrs` hold one number for each iteration of
    each stage, "search" and "tuning"; `psnr` is that of :attr:`image`, in dB. `model` is the given
    one after a search, and a copy with weights of its own after tuning.
    """

    model: StyleGAN2 | Diffusion
    latent: Tensor  # (num_ws w_dim), or (c h w)
    target: Tensor  # (3 H W) in 0..1
    psnr: float = math.nan
    losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    psnrs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @cached_property
    def image(self) -> Tensor:
        """The image (3 H W) of the latent, in 0..1."""
        return self.model.finish(self.latent)

    @property
    def quality(self) -> str:
        """The PSNR in words."""
        return "PSNR not measured" if math.isnan(self.psnr) else f"{self.psnr:.1f} dB"

    @property
    def _kind(self) -> str:
        return (
            f"DDIM to strength {self.model.strength:g}"
            if isinstance(self.model, Diffusion)
            else "not begun"
        )

    def __repr__(self) -> str:
        stages = ", ".join(
            f"{stage} {len(losses)} iterations" for stage, losses in self.losses.items()
        )
        return f"Inversion({self.model.name}, {self.quality}: {stages or self._kind})"


def search(
    model: StyleGAN2,
    target: Tensor,
    *,
    steps: int = STEPS,
    lr: float = LR,
    loss: Loss | None = None,
) -> Iterator[Inversion]:
    """Look for the latent w+ of `target` (3 H W) in 0..1; the best so far after each of `steps`
    iterations.

    Args:
        lr: Adam's step size in units of w's spread.
        loss: what to make small; None for `perceptual` where its weights are at hand, else
            `multiscale_l1` (:mod:`dragkit.models.image_metrics`).

    Raises:
        ValueError: at once: a model without w, a target of another size, steps below 1, lr not
            above 0.
        FloatingPointError: the loss is not finite.
    """
    check_model(model)
    _check_target(model, target)
    _check_settings(steps, lr)
    return _search(
        model, target.to(model.device), steps, lr, loss or default_loss(str(model.device))
    )


def _search(
    model: StyleGAN2, target: Tensor, steps: int, lr: float, loss: Loss
) -> Iterator[Inversion]:
    synthesis, average, root = (
        model.generator.synthesis,
        model.generator.mapping.w_avg,
        covariance_root(model),
    )
    u = torch.zeros(TRIES, synthesis.num_ws, len(average), device=model.device, requires_grad=True)
    random = torch.Generator().manual_seed(0)
    ws = average.expand_as(u)

    def paint(t: float, tries: list[int]) -> tuple[Tensor, Tensor]:
        nonlocal ws
        noise = torch.randn(u.shape, generator=random).to(u) * NOISE * max(0.0, 1 - t / 0.75) ** 2
        ws = average + _shared(model, (u + noise)[tries]) @ root
        return synthesis(ws), PULL * u[tries].square().mean((1, 2)).sum()

    descent = _descent([u], paint, target, steps, lr, loss, TRIES)
    yield from _best(
        Inversion(model, ws[0], target), "search", descent, lambda i: {"latent": ws[i].detach()}
    )


def _shared(model: StyleGAN2, rows: Tensor) -> Tensor:
    """The rows as the model reads them: in its space "w" the first stands for all that move."""
    return (
        rows
        if model.space == "w+"
        else torch.cat([rows[:, :1].expand(-1, model.rows, -1), rows[:, model.rows :]], 1)
    )


def tuning(
    found: Inversion, *, steps: int = TUNING_STEPS, lr: float = TUNING_LR, loss: Loss | None = None
) -> Iterator[Inversion]:
    """Fit a copy of the generator to the target, with the latent held; the best so far after each
    of `steps` iterations.

    Every weight of the synthesis moves; the mapping, and the model that was given, stay as they
    are.

    Raises:
        ValueError: at once: steps below 1, lr not above 0.
        FloatingPointError: the loss is not finite.
    """
    if not isinstance(found, Inversion):
        raise ValueError(f"found is {type(found).__name__}; give what dragkit.invert returned")
    if isinstance(found.model, Diffusion):
        raise ValueError(
            f"{found.model.name} is a diffusion model, which learns an image by"
            " dragkit.lora(model, image), before it is inverted"
        )
    _check_settings(steps, lr)
    return _tuning(found, steps, lr, loss or default_loss(str(found.model.device)))


def _tuning(found: Inversion, steps: int, lr: float, loss: Loss) -> Iterator[Inversion]:
    generator = deepcopy(found.model.generator)
    weights = list(generator.synthesis.requires_grad_(True).parameters())
    paint = lambda *_: (generator.synthesis(found.latent[None]), 0)  # noqa: E731

    def model(_: int) -> dict[str, StyleGAN2]:
        return {"model": replace(found.model, generator=deepcopy(generator).requires_grad_(False))}

    yield from _best(
        found, "tuning", _descent(weights, paint, found.target, steps, lr, loss), model
    )


def _descent(
    leaves: Sequence[Tensor],
    paint: Callable,
    target: Tensor,
    steps: int,
    lr: float,
    loss: Loss,
    tries: int = 1,
) -> Iterator[tuple[int, float, float]]:
    """Adam on `leaves`: the best image's number, its loss and its PSNR in dB, while the leaves
    still are what painted it.

    `paint` is told how far the descent is, in 0..1, and which tries go on: all through the first
    half, then the best. It returns their images (n 3 H W) in -1..1 and what else is to be small.
    """
    adam, going, best = torch.optim.Adam(leaves, lr), list(range(tries)), 0
    for i in range(steps):
        adam.param_groups[0]["lr"] = lr * lr_schedule(i / steps)
        if i == steps // 2:
            going = [going[best]]
        with torch.enable_grad():
            images, more = paint(i / steps, going)
            images = images.add(1).div(2)
            values = torch.stack([loss(image, target) for image in images])
        if not values.isfinite().all():
            raise FloatingPointError(
                f"the loss is {values.tolist()} at iteration {i}; take a smaller lr than {lr:g}"
            )
        best = int(values.argmin())
        yield best, values[best].item(), psnr(images[best].detach().clamp(0, 1), target)
        adam.zero_grad()
        (values.sum() + more).backward()
        adam.step()


def _best(
    found: Inversion,
    stage: str,
    descent: Iterator[tuple[int, float, float]],
    now: Callable[[int], dict],
) -> Iterator[Inversion]:
    """`found` with the curves of this stage, and with what `now` made of the image of the least
    loss so far.
    """
    losses, psnrs = [], []
    for i, loss, quality in descent:
        if loss < min(losses, default=math.inf):
            found = replace(found, psnr=quality, **now(i))
        losses.append(loss)
        psnrs.append(quality)
        yield replace(
            found,
            losses={**found.losses, stage: tuple(losses)},
            psnrs={**found.psnrs, stage: tuple(psnrs)},
        )


def lr_schedule(t: float) -> float:
    """Factor of the learning rate at t in 0..1 of the way: up in the first 5 %, down along a
    cosine in the last 25 % (StyleGAN2).
    """
    return min(1.0, (t + 1e-3) / 0.05) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / 0.25)))


@torch.no_grad()
def covariance_root(model: StyleGAN2) -> Tensor:
    """S (w_dim w_dim), the symmetric root of w's covariance around w̄, from 4096 random z; the
    same for the same model.

    Directions in which w hardly spreads get a thousandth of the largest variance, for w+ may need
    them a little (our choice).
    """
    mapping = model.generator.mapping
    z = np.random.RandomState(0).randn(SAMPLES, mapping.z_dim)
    w = mapping(torch.tensor(z, dtype=torch.float32, device=model.device)) - mapping.w_avg
    variances, directions = torch.linalg.eigh((w.T @ w / SAMPLES).cpu())
    deviations = (variances.clamp_min(0) + FLOOR * variances.max()).sqrt()
    return ((directions * deviations) @ directions.T).to(model.device)


def check_model(model: StyleGAN2) -> None:
    """Raise ValueError where there is no w to search in."""
    if not isinstance(model, StyleGAN2):
        name = getattr(model, "name", type(model).__name__)
        raise ValueError(
            f'{name!r} has no w to search in; give a StyleGAN2, such as dragkit.load("lion")'
        )


def _check_target(model: StyleGAN2, target: Tensor) -> None:
    if target.shape != (3, *model.size):
        raise ValueError(
            f"the target has shape {tuple(target.shape)}; {model.name} paints {(3, *model.size)}"
        )


def _check_settings(steps: int, lr: float) -> None:
    if not is_whole(steps, 1):
        raise ValueError(f"steps is {steps!r}; take a whole number from 1 up")
    if not (is_real(lr) and lr > 0):
        raise ValueError(f"lr is {lr!r}; give a learning rate above 0")
