r"""GAN inversion: a search for the latent w+ whose image is nearest to a given one.

It starts from the average w̄ and minimises

.. math:: \min_u L(G(w̄ + u S), x) + λ mean u²,    S² = mean (w - w̄)(w - w̄)ᵀ  over w of random z.

Each row of u is a row of w+, in units of w's standard deviation along every direction. So one
learning rate serves generators whose w have different lengths, and directions that w hardly
varies along are hardly used. A search can end in a wrong pose, or with a closed mouth that should
be open. Three things help against that: noise on u that fades, λ, which pulls gently toward the
average, and three trials side by side, of which only the best continues after half of the
iterations. With the noise alone 5 renders of 24 ended wrong; with all three, none of another 24.

Sources: Abdal et al., "Image2StyleGAN" (2019) for w+; Karras et al., "StyleGAN2" (2020, appendix
D) for the noise on w and the schedule of the learning rate; Zhu et al., "Improved StyleGAN
Embedding" (2020) for the whitened directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..image_metrics import Loss, default_loss
from ..inversion import Inversion
from .descent import Images, checked_descent, descend, keep_best

if TYPE_CHECKING:
    from .model import StyleGAN2

STEPS = 200
LR = 0.2  # in units of w's standard deviation
SAMPLES = 4096  # of z, to measure the covariance of w
FLOOR = 1e-3  # the least variance of a direction of w, as a fraction of the largest one
NOISE = 1.0  # on u at the first iteration, in units of w's standard deviation
NOISE_END = 0.75  # the fraction of the iterations after which there is no noise
PENALTY = 3e-2  # λ, on the mean square of u
TRIALS = 3  # each with its own noise, through the first half of the iterations


def search(
    model: StyleGAN2,
    target: Tensor,
    *,
    steps: int = STEPS,
    lr: float = LR,
    loss: Loss | None = None,
) -> Iterator[Inversion]:
    """Search for the latent w+ of `target` (3 H W) in 0..1; the best so far after each iteration.

    Args:
        steps: iterations.
        lr: Adam's step size in units of w's standard deviation.
        loss: what to minimise; None for :func:`dragkit.models.image_metrics.default_loss`.

    Raises:
        ValueError: at once, if the target has another size, steps is below 1, or lr is not
            above 0.
        FloatingPointError: the loss is not finite.
    """
    if target.shape != (3, *model.size):
        raise ValueError(
            f"the target has shape {tuple(target.shape)}; {model.name} makes {(3, *model.size)}"
        )
    steps, lr = checked_descent(steps, lr)
    loss = loss or default_loss(str(model.device))
    return _search(model, target.to(model.device), steps, lr, loss)


def _search(
    model: StyleGAN2, target: Tensor, steps: int, lr: float, loss: Loss
) -> Iterator[Inversion]:
    synthesis = model.generator.synthesis
    average = model.generator.mapping.w_avg
    root = covariance_root(model)
    random = torch.Generator().manual_seed(0)
    shape = (TRIALS, synthesis.num_ws, len(average))
    u = torch.zeros(shape, device=model.device, requires_grad=True)
    ws = average.expand_as(u)

    def render(t: float, trials: list[int]) -> Images:
        nonlocal ws
        amplitude = NOISE * max(0.0, 1 - t / NOISE_END) ** 2
        noise = torch.randn(shape, generator=random).to(u) * amplitude
        offsets = _tied(model, (u + noise)[trials])
        ws = average + offsets @ root
        penalty = PENALTY * u[trials].square().mean((1, 2)).sum()
        return Images(synthesis(ws), penalty)

    def latent(index: int) -> dict[str, Any]:
        return {"latent": ws[index].detach()}

    iterations = descend([u], render, target, steps, lr, loss, TRIALS)
    yield from keep_best(Inversion(model, ws[0], target), "search", iterations, latent)


def _tied(model: StyleGAN2, rows: Tensor) -> Tensor:
    """The rows as the model reads them: in its space "w" all moving rows equal the first one."""
    if model.space == "w+":
        return rows
    moving = rows[:, :1].expand(-1, model.rows, -1)
    return torch.cat([moving, rows[:, model.rows :]], 1)


@torch.no_grad()
def covariance_root(model: StyleGAN2) -> Tensor:
    """S (w_dim w_dim), the symmetric square root of w's covariance around w̄, from 4096 random z.

    It is the same for the same model. Directions along which w hardly varies get a thousandth of
    the largest variance, because w+ may need them a little (our choice).
    """
    mapping = model.generator.mapping
    z = np.random.RandomState(0).randn(SAMPLES, mapping.z_dim)
    w = mapping(torch.tensor(z, dtype=torch.float32, device=model.device)) - mapping.w_avg

    variances, directions = torch.linalg.eigh((w.T @ w / SAMPLES).cpu())
    deviations = (variances.clamp_min(0) + FLOOR * variances.max()).sqrt()
    return ((directions * deviations) @ directions.T).to(model.device)
