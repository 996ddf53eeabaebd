r"""Train the bundled diffusion model: ``python -m dragkit.training.diffusion``.

A UNet in pixel space (Ho et al. 2020), made cheap for a laptop: squares of 2x2 pixels become
channels, so a 64-px image is a latent of 12 channels on 32x32 cells. It learns to predict the
velocity (Salimans & Ho 2022):

    z_t = √ᾱ_t x + √(1 - ᾱ_t) ε,    L = mean ‖UNet(z_t, t) - (√ᾱ_t ε - √(1 - ᾱ_t) x)‖²,    t
    uniform,

with the cosine schedule of ᾱ (Nichol & Dhariwal 2021). The averaged weights (EMA) are published.
Every few minutes the run writes ``state.pt`` (to continue from), ``samples.png`` (samples above
renders), the weights in half precision and their card. On a CPU each of `--workers` threads takes
a part of every batch, because two threads that share one convolution wait for each other more than
they work. On a GPU it computes in bf16.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..atomic import write_file
from ..compose.encoding import png
from ..models.diffusion.ddim import Schedule, ddim_schedule
from ..models.diffusion.pixel_unet import (
    SCHEDULE,
    UNet2DModel,
    decode,
    encode,
    half_weights,
    network,
    scheduler,
)
from ..models.weights import write_model
from . import pairs
from .loop import (
    common_options,
    machine,
    restore_state,
    save_state,
    settings_of,
    state_of,
    train_until,
)

SIZE = 64  # of the images
SAVE_SECONDS = 240
HALF_LIFE = 4000  # of the averaged weights, in images
NETWORKS = ("unet", "ema", "optimizer")


def training_schedule(device: str = "cpu") -> Schedule:
    """All timesteps of the scheduler: the timestep index is the timestep itself."""
    alphas = scheduler().alphas_cumprod
    times = torch.arange(len(alphas), device=device)
    return Schedule(times, alphas.to(device), str(SCHEDULE["prediction_type"]))


def loss(unet: UNet2DModel, schedule: Schedule, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """L of clean latents x (b 12 h w) at timesteps t (b)."""

    def predict(z: Tensor, t: Tensor) -> Tensor:
        return unet(z.contiguous(memory_format=torch.channels_last), t).sample

    return schedule.loss(predict, x, noise, t)


class Trainer:
    """Everything a run owns: `step` learns from one batch, `state` returns it all."""

    def __init__(self, lr: float, device: str, workers: int) -> None:
        self.unet = network().to(device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.unet).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.unet.parameters(), lr, betas=(0.9, 0.99), weight_decay=1e-2
        )
        self.schedule = training_schedule(device)
        self.lr = lr
        self.device = device
        self.images = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self.workers = workers
        self.pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))

    def step(self, images: Tensor, done: float) -> float:
        """Learn from uint8 `images` (b 3 64 64) at the fraction `done` of the run; returns L."""
        torch.manual_seed(self.images)  # a resumed run draws what an unbroken one would have
        x = encode(images.to(self.device).float() / 255)
        noise = torch.randn_like(x)
        t = torch.randint(len(self.schedule.times), (len(x),), device=self.device)

        chunks = [part.chunk(self.workers) for part in (x, noise, t)]
        results = list(self.pool.map(self._gradients, *chunks))
        losses = [value for value, _ in results]
        gradients = [gradient for _, gradient in results]
        for parameter, *parts in zip(self.unet.parameters(), *gradients, strict=True):
            parameter.grad = sum(parts) / len(parts)

        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * rate(done)
        self.optimizer.step()
        self.images += len(x)
        self._average(len(x))
        return sum(losses) / len(losses)

    def _gradients(self, x: Tensor, noise: Tensor, t: Tensor) -> tuple[float, tuple[Tensor, ...]]:
        on_gpu = self.device.startswith("cuda")
        with torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext():
            value = loss(self.unet, self.schedule, x, noise, t)
        return value.item(), torch.autograd.grad(value, list(self.unet.parameters()))

    def _average(self, batch: int) -> None:
        decay = 0.5 ** (batch / min(HALF_LIFE, 1 + self.images / 10))
        for mean, now in zip(self.ema.parameters(), self.unet.parameters(), strict=True):
            mean.lerp_(now.detach(), 1 - decay)

    def state(self) -> dict[str, Any]:
        """Everything that is needed to continue."""
        return state_of(self, NETWORKS)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        restore_state(self, NETWORKS, state)


def rate(done: float) -> float:
    """The learning rate's factor at the fraction `done` of the run: a rise, then half a cosine."""
    rise = done / 0.02 + 0.01
    fall = (1 + math.cos(math.pi * min(done, 1))) / 2 + 0.01
    return min(rise, fall)


@torch.no_grad()
def sheet(unet: UNet2DModel, images: np.ndarray, count: int, steps: int = 25) -> Image.Image:
    """`count` samples, 16 a row, above as many renders."""
    schedule = ddim_schedule(scheduler(), steps, unet.device)
    side = SIZE // 2
    random = torch.Generator().manual_seed(0)
    z = torch.randn(count, unet.config.in_channels, side, side, generator=random)

    def predict(z: Tensor, t: Tensor) -> Tensor:
        return unet(z, t).sample

    *_, (_, clean) = schedule.trajectory(predict, z.to(unet.device), steps, 0)
    made = decode(clean).mul(255).round().byte().cpu().numpy()
    tiles = np.concatenate([made, images[:count]])
    tiles = tiles.reshape(-1, 16, 3, SIZE, SIZE).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(-1, 16 * SIZE, 3))


def save(
    trainer: Trainer, out: Path, images: np.ndarray, settings: dict[str, Any], samples: int = 16
) -> None:
    """Write the state, a sheet of samples, the averaged network and its card."""
    save_state(trainer.state(), out / "state.pt")
    write_file(out / "samples.png", png(sheet(trainer.ema, images, samples)))
    card = {
        "model": (
            "UNet2DModel of diffusers on 2x2 pixel-unshuffled images, unconditional, v-prediction"
        ),
        "data": f"{len(images)} images of dragkit's own procedural lion",
        "licence": "MIT",
        "resolution": SIZE,
        "parameters": sum(p.numel() for p in trainer.ema.parameters()),
        "schedule": SCHEDULE,
        "images_seen": trainer.images,
        "minutes": round(trainer.seconds / 60, 1),
        "machine": machine(trainer.device),
        "torch": torch.__version__,
        "settings": settings,
        "history": trainer.history,
    }
    write_model(out / "lion-diffusion.safetensors", half_weights(trainer.ema), card)


def train(trainer: Trainer, images: np.ndarray, out: Path, settings: dict[str, Any]) -> None:
    """Train until `settings["until"]` images are seen, saving regularly and at the end."""
    batch = settings["batch"]
    until = settings["until"]
    recent: list[float] = []

    def step() -> dict[str, float]:
        random = np.random.RandomState(trainer.images // batch)
        chosen = random.choice(len(images), batch, replace=False)
        done = trainer.images / until
        recent.append(trainer.step(torch.from_numpy(images[chosen]), done))
        return {"loss": float(np.mean(recent[-100:]))}

    def save_all() -> None:
        if recent:
            mean = round(float(np.mean(recent)), 5)
            trainer.history.append({"images": trainer.images, "loss": mean})
            recent.clear()
        save(trainer, out, images, settings)

    train_until(trainer, until, step, save_all, "diffusion", SAVE_SECONDS)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The settings of the command line."""
    parser = common_options("diffusion", "runs/lion-diffusion", batch=16, lr=1e-3)
    add = parser.add_argument
    add("--until", type=int, default=130_000, help="images seen in all")
    add("--workers", type=int, default=0, help="threads that share a batch; 0 for one per core")
    options = parser.parse_args(arguments)
    if not options.workers:
        options.workers = (os.cpu_count() or 1) if options.device == "cpu" else 1
    if options.batch % options.workers:
        parser.error(f"--batch {options.batch} does not divide among {options.workers} workers")
    return options


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    images = pairs.prepare(options.out / "images.npy", options.images, SIZE)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # denormal numbers are slow on a CPU, and worth nothing

    trainer = Trainer(options.lr, options.device, options.workers)
    state = options.out / "state.pt"
    if state.exists():
        trainer.restore(torch.load(state, map_location=options.device, weights_only=True))
    train(trainer, images, options.out, settings_of(options))


if __name__ == "__main__":
    main()
