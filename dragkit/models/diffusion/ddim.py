r"""DDIM, the deterministic road between an image and noise, in both directions.

A diffusion model is trained on :math:`z_t = \sqrt{ᾱ_t}\, x_0 + \sqrt{1 - ᾱ_t}\, ε` to tell the
noise ε (or the velocity :math:`v = \sqrt{ᾱ_t}\, ε - \sqrt{1 - ᾱ_t}\, x_0`) from z_t and t. The
road has `steps` + 1 levels: level 0 is the clean latent and level k the k-th of the chosen times.
One step between two levels re-mixes the same x̂₀ and ε̂ (Song et al. 2021, eq. 12 with σ = 0), up
or down:

.. math:: z_b = \sqrt{ᾱ_b}\, x̂_0 + \sqrt{1 - ᾱ_b}\, ε̂

Downward that is sampling; upward it is DDIM inversion. Both ask the network for ε̂ at the time of
the noisier level, as DragDiffusion's code does; so a step up and the same step down differ only in
the latent that the network saw.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..settings import is_whole


@dataclass(frozen=True, eq=False)
class Schedule:
    """The levels of a DDIM run.

    Attributes:
        times: (levels) the time t of each level, of which the network is told; level 0 has that of
            level 1.
        alphas: (levels) ᾱ, the share of signal in the variance: near 1 at level 0, near 0 at the
            last.
        prediction: what the network predicts, "epsilon" or "v_prediction".
    """

    times: Tensor
    alphas: Tensor
    prediction: str

    @property
    def steps(self) -> int:
        """How many steps lead from the image to noise."""
        return len(self.times) - 1

    def split(self, z: Tensor, predicted: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """x̂₀ and ε̂ of a latent at `timestep_index`, from what the network predicted."""
        signal, noise = self.alphas[level].sqrt(), (1 - self.alphas[level]).sqrt()
        if self.prediction == "v_prediction":
            return signal * z - noise * predicted, noise * z + signal * predicted
        return (z - noise * predicted) / signal, predicted

    def step(self, z: Tensor, predicted: Tensor, level: int, to: int) -> Tensor:
        """The latent at the lower level `to`, from the one at `timestep_index` and what the network
        predicted there.
        """
        x0, noise = self.split(z, predicted, level)
        return self.add_noise(x0, noise, to)

    def inversion_step(
        self, z: Tensor, there: Tensor, predicted: Tensor, level: int, to: int
    ) -> Tensor:
        """The latent at the higher level `to`, from the one at `timestep_index` and what the network
        predicted for `there` at `to`.

        Where `there` is the answer itself, the step down leads back to z exactly. DDIM inversion
        does not know it yet and takes z for it. A velocity belongs to the level that the network
        was told, so ε̂ is read there.
        """
        noise = self.split(there, predicted, to)[1]
        x0 = (z - (1 - self.alphas[level]).sqrt() * noise) / self.alphas[level].sqrt()
        return self.add_noise(x0, noise, to)

    def trajectory(
        self,
        predict: Callable[[Tensor, Tensor], Tensor],
        z: Tensor,
        level: int,
        to: int,
        refine: int = 0,
    ) -> Iterator[tuple[int, Tensor]]:
        """The levels on the way from `timestep_index` to `to`, up or down, each with its latents (b c h w);
        a bar appears after two seconds.

        Args:
            predict: what the network predicts for latents (b c h w) at a time (1).
            refine: times that each step up is corrected: the network looks at where it led to, and
                it is made anew from there.
        """
        # whose bar nobody looks at
        way, worker = 1 if to > level else -1, multiprocessing.parent_process() is not None
        for here in tqdm(
            range(level, to, way), "DDIM", unit="step", delay=2, leave=False, disable=worker
        ):
            there, noisier = z, max(here, here + way)
            for _ in range(1 + refine if way > 0 else 1):
                predicted = predict(there, self.times[noisier : noisier + 1])
                there = (
                    self.inversion_step(z, there, predicted, here, here + 1)
                    if way > 0
                    else self.step(z, predicted, here, here - 1)
                )
            z = there
            yield here + way, z

    def error(
        self, predict: Callable[[Tensor, Tensor], Tensor], x0: Tensor, noise: Tensor, level: Tensor
    ) -> Tensor:
        """What training makes small: the mean squared error of the prediction for x₀ (b c h w),
        with `noise`, at `timestep_index` (b).
        """
        a = self.alphas[level].view(-1, 1, 1, 1)
        wanted = (
            a.sqrt() * noise - (1 - a).sqrt() * x0 if self.prediction == "v_prediction" else noise
        )
        return (
            (predict(a.sqrt() * x0 + (1 - a).sqrt() * noise, self.times[level]) - wanted)
            .square()
            .mean()
        )

    def add_noise(self, x0: Tensor, noise: Tensor, level: int) -> Tensor:
        """z = √ᾱ x₀ + √(1 - ᾱ) ε at `timestep_index`."""
        return self.alphas[level].sqrt() * x0 + (1 - self.alphas[level]).sqrt() * noise


def ddim_schedule(scheduler: Any, steps: int, device: torch.device | str = "cpu") -> Schedule:
    """The road of a diffusers scheduler: its times, spaced as its configuration says, in `steps`
    steps.

    Raises:
        ValueError: a scheduler that predicts something else, or not so many times.
    """
    from diffusers import DDIMScheduler

    ddim = DDIMScheduler.from_config(scheduler.config)
    if ddim.config.prediction_type not in ("epsilon", "v_prediction"):
        raise ValueError(
            f"the scheduler's prediction_type is {ddim.config.prediction_type!r}; known are"
            " 'epsilon' and 'v_prediction'"
        )
    most = ddim.config.num_train_timesteps
    if not is_whole(steps, 1, most):
        raise ValueError(f"steps is {steps!r}; give a whole number from 1 to {most}, such as 50")
    ddim.set_timesteps(steps)
    times = ddim.timesteps.flip(0)
    if times[-1] >= most or times[-1] < most - 2 * (most // steps):
        raise ValueError(
            f"steps is {steps}, which this scheduler spaces from time {int(times[0])} to"
            f" {int(times[-1])} of {most}; take fewer, such as 50"
        )
    alphas = torch.cat([ddim.final_alpha_cumprod.view(1), ddim.alphas_cumprod[times]])
    return Schedule(
        torch.cat([times[:1], times]).to(device),
        alphas.float().to(device),
        ddim.config.prediction_type,
    )
