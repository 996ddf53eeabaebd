r"""DDIM: the deterministic trajectory between an image and noise, in both directions.

A diffusion model is trained on :math:`z_t = \sqrt{ᾱ_t}\, x_0 + \sqrt{1 - ᾱ_t}\, ε` to predict the
noise ε (or the velocity :math:`v = \sqrt{ᾱ_t}\, ε - \sqrt{1 - ᾱ_t}\, x_0`) from z_t and t. A
schedule chooses `steps` of the timesteps t and numbers them: timestep index 0 is the clean latent,
and index k the k-th chosen timestep. A step from index a to index b mixes the same x̂₀ and ε̂
again (Song et al. 2021, eq. 12 with σ = 0):

.. math:: z_b = \sqrt{ᾱ_b}\, x̂_0 + \sqrt{1 - ᾱ_b}\, ε̂

Downward that is sampling; upward it is DDIM inversion. Both ask the network for ε̂ at the timestep
of the noisier end, as DragDiffusion's code does. So an inversion step and the same denoising step
differ only in the latent that the network received.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...numeric import is_whole

LEFT = 0.05  # of the variance at the last timestep; Stable Diffusion leaves 0.0047

# What the network predicts (b c h w) for latents (b c h w) at timesteps (1) or (b)
Predict = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Schedule:
    """The timesteps of a DDIM run, by their index.

    Attributes:
        times: (steps + 1) the timestep t that the network is given at each index; index 0 has that
            of index 1.
        alphas: (steps + 1) ᾱ, the fraction of the variance that is signal: near 1 at index 0, near
            0 at the last.
        prediction: what the network predicts, "epsilon" or "v_prediction".
    """

    times: Tensor
    alphas: Tensor
    prediction: str

    def to(self, device: torch.device | str) -> Schedule:
        """The same on another device."""
        return Schedule(self.times.to(device), self.alphas.to(device), self.prediction)

    @property
    def steps(self) -> int:
        """How many steps lead from the image to noise."""
        return len(self.times) - 1

    def predict_x0_and_noise(
        self, z: Tensor, predicted: Tensor, index: int
    ) -> tuple[Tensor, Tensor]:
        """x̂₀ and ε̂ of a latent at timestep index `index`, from what the network predicted."""
        signal = self.alphas[index].sqrt()
        noise = (1 - self.alphas[index]).sqrt()
        if self.prediction == "v_prediction":
            return signal * z - noise * predicted, noise * z + signal * predicted
        return (z - noise * predicted) / signal, predicted

    def add_noise(self, x0: Tensor, noise: Tensor, index: int) -> Tensor:
        """z = √ᾱ x₀ + √(1 - ᾱ) ε at timestep index `index`."""
        return self.alphas[index].sqrt() * x0 + (1 - self.alphas[index]).sqrt() * noise

    def denoise_step(self, z: Tensor, predicted: Tensor, index: int, to: int) -> Tensor:
        """The latent at the lower index `to`, from the one at `index` and the prediction there."""
        x0, noise = self.predict_x0_and_noise(z, predicted, index)
        return self.add_noise(x0, noise, to)

    def inversion_step(
        self, z: Tensor, estimate: Tensor, predicted: Tensor, index: int, to: int
    ) -> Tensor:
        """The latent at the higher index `to`, from the one at `index`.

        Args:
            z: the latent at `index`.
            estimate: of the latent at `to`. If it is exact, the denoising step leads back to z
                exactly. Plain DDIM inversion takes z itself.
            predicted: what the network predicted for `estimate` at `to`. A velocity belongs to
                the timestep that the network was given, so ε̂ is computed there.
        """
        _, noise = self.predict_x0_and_noise(estimate, predicted, to)
        x0 = (z - (1 - self.alphas[index]).sqrt() * noise) / self.alphas[index].sqrt()
        return self.add_noise(x0, noise, to)

    def trajectory(
        self,
        predict: Predict,
        z: Tensor,
        index: int,
        to: int,
        refine: int = 0,
        fresh_noise: int = 0,
    ) -> Iterator[tuple[int, Tensor]]:
        """Every timestep index after `index` up to `to`, with its latents (b c h w).

        Upward that is inversion, downward denoising. A progress bar appears after two seconds.

        Args:
            predict: the network.
            z: (b c h w) the latents at `index`.
            index, to: where the trajectory begins and ends.
            refine: how often each inversion step is corrected: the network predicts at the latent
                that the step led to, and the step is made again with that prediction.
            fresh_noise: the timestep index from which down the last of the latents gets fresh
                noise on its way to the image: see :meth:`refreshed`.
        """
        upward = to > index
        direction = 1 if upward else -1
        in_worker_process = multiprocessing.parent_process() is not None
        bar = tqdm(
            range(index, to, direction),
            "DDIM",
            unit="step",
            delay=2,
            leave=False,
            disable=in_worker_process,
        )
        for i in bar:
            if upward:
                z = self._invert(predict, z, i, refine)
            else:
                x0, noise = self.predict_x0_and_noise(z, predict(z, self.times[i : i + 1]), i)
                if 1 < i <= fresh_noise:
                    noise = torch.cat([noise[:-1], self.refreshed(noise[-1:], i)])
                z = self.add_noise(x0, noise, i - 1)
            yield i + direction, z

    def refreshed(self, noise: Tensor, index: int) -> Tensor:
        r"""ε̂ (b c h w) for the step down from `index`, with a share of fresh noise as in DDPM.

        .. math::
            \sqrt{1 - s}\, ε̂ + \sqrt{s}\, ε, \quad ε ∼ N(0, 1), \quad
            s = \frac{1 - ᾱ_k / ᾱ_{k-1}}{1 - ᾱ_k}

        That is DDIM with η = 1 (Song et al. 2021, eq. 16, whose σ² is s (1 - ᾱ of index - 1)).
        The same noise comes for the same index.
        """
        alpha, lower = self.alphas[index], self.alphas[index - 1]
        share = (1 - alpha / lower) / (1 - alpha)
        random = torch.Generator().manual_seed(index)
        fresh = torch.randn(noise.shape, generator=random, device="cpu").to(noise)
        return (1 - share).sqrt() * noise + share.sqrt() * fresh

    def _invert(self, predict: Predict, z: Tensor, index: int, refine: int) -> Tensor:
        """The latent at `index` + 1, corrected `refine` times."""
        estimate = z
        for _ in range(1 + refine):
            predicted = predict(estimate, self.times[index + 1 : index + 2])
            estimate = self.inversion_step(z, estimate, predicted, index, index + 1)
        return estimate

    def loss(self, predict: Predict, x0: Tensor, noise: Tensor, index: Tensor) -> Tensor:
        """What training minimises: the mean squared error of the prediction.

        Args:
            predict: the network.
            x0: (b c h w) clean latents.
            noise: (b c h w) ~ N(0, 1).
            index: (b) timestep indices.
        """
        alpha = self.alphas[index].view(-1, 1, 1, 1)
        target = noise
        if self.prediction == "v_prediction":
            target = alpha.sqrt() * noise - (1 - alpha).sqrt() * x0
        noisy = alpha.sqrt() * x0 + (1 - alpha).sqrt() * noise
        return (predict(noisy, self.times[index]) - target).square().mean()


def ddim_schedule(scheduler: Any, steps: int, device: torch.device | str = "cpu") -> Schedule:
    """The schedule of a diffusers scheduler in `steps` steps, spaced as its configuration says.

    Raises:
        ValueError: a scheduler that predicts something else, or more steps than it has timesteps.
    """
    from diffusers import DDIMScheduler

    ddim = DDIMScheduler.from_config(scheduler.config)
    prediction = ddim.config.prediction_type
    if prediction not in ("epsilon", "v_prediction"):
        raise ValueError(
            f"the scheduler's prediction_type is {prediction!r}; known are 'epsilon' and"
            " 'v_prediction'"
        )
    check_steps(steps, ddim.config.num_train_timesteps)
    _check_noise(ddim)
    ddim.set_timesteps(steps)
    clean, alphas = ddim.final_alpha_cumprod, ddim.alphas_cumprod
    return schedule_at(ddim.timesteps.flip(0), alphas, clean, prediction).to(device)


def check_steps(steps: Any, most: int) -> None:
    """Raise ValueError unless a schedule of `most` timesteps can be walked in so many steps."""
    if not is_whole(steps, 1, most):
        raise ValueError(f"steps is {steps!r}; give a whole number from 1 to {most}, such as 50")


def schedule_at(times: Tensor, alphas: Tensor, clean: Tensor, prediction: str) -> Schedule:
    """The schedule that visits the timesteps `times`, the least noisy one first.

    Args:
        times: (steps) numbers of timesteps.
        alphas: ᾱ at every timestep.
        clean: ᾱ at timestep index 0, a number.
        prediction: what the network predicts.

    Raises:
        ValueError: a timestep there is not, a first one too far from the end, or no signal.
    """
    steps, most = len(times), len(alphas)
    if times[-1] >= most or times[-1] < most - 2 * (most // steps):
        raise ValueError(
            f"steps is {steps}, which this scheduler spaces from time {int(times[0])} to"
            f" {int(times[-1])} of {most}; take fewer, such as 50"
        )
    alphas = torch.cat([clean.view(1), alphas[times]]).float()
    if not (alphas[:-1] > 0).all() or not (prediction == "v_prediction" or alphas[-1] > 0):
        raise ValueError(
            f"the scheduler leaves no signal at some of its times (ᾱ from {alphas[0]:g} to"
            f" {alphas[-1]:g}); its betas are too large"
        )
    times = torch.cat([times[:1], times])
    return Schedule(times, alphas, prediction)


def _check_noise(ddim: Any) -> None:
    """Raise ValueError unless the schedule ends in noise from which the network can begin."""
    last = float(ddim.alphas_cumprod[-1])
    if last > LEFT:
        raise ValueError(
            f"the scheduler does not fit the UNet: at its last timestep {100 * last:.0f} % of the"
            f" variance is still image (ᾱ = {last:.3g}), and 0.5 % in Stable Diffusion (0.0047);"
            " put the scheduler of the original pipeline there"
        )
    if ddim.config.rescale_betas_zero_snr and ddim.config.prediction_type == "epsilon":
        raise ValueError(
            "the scheduler ends in pure noise (rescale_betas_zero_snr: zero terminal SNR), and the"
            " network predicts noise (epsilon), which does not fit: from pure noise alone it can"
            " tell nothing of the image. Set prediction_type to v_prediction if the network was"
            " trained so, else rescale_betas_zero_snr to false"
        )
