r"""Train the bundled diffusion model: ``python -m dragkit.training.diffusion``.

A UNet in pixel space (Ho et al. 2020), made cheap for a laptop: squares of 2x2 pixels become
channels, so a 64-px image is a latent of 12 channels on 32x32 cells. It learns to predict the
velocity (Salimans & Ho 2022):

    z_t = √ᾱ_t x + √(1 - ᾱ_t) ε,    L = mean ‖UNet(z_t, t) - (√ᾱ_t ε - √(1 - ᾱ_t) x)‖²,    t
    uniform,

with the cosine schedule of ᾱ (Nichol & Dhariwal 2021). The averaged weights (EMA) are published.
Every few minutes the run writes ``state.pt`` (to continue from), ``samples.png`` (samples above
renders), the weights in half precision and their card. On a CPU each of `--threads` threads takes
a part of every batch, because two threads that share one convolution wait for each other more than
they work. On a GPU it computes in bf16.
"""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import reduce
from operator import add
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..atomic import write_file
from ..compose.encoding import png
from ..models.diffusion.ddim import Schedule
from ..models.diffusion.pixel_unet import (
    PREDICTION,
    SCHEDULE,
    SIDE,
    channels_last,
    cosine_alphas,
    decode,
    encode,
    half_weights,
    network,
    pixel_schedule,
)
from ..models.diffusion.small_unet import SmallUNet
from ..models.weights import write_model
from ..worlds.world import WORLDS, World
from .loop import (
    average,
    facts,
    prepare,
    rate,
    restore_state,
    save_state,
    saved_state,
    state_of,
    train_until,
)
from .options import (
    amount,
    common_options,
    length_of,
    settings_of,
    single,
    told_in_a_line,
    weights_file,
    whole,
)
from .stream import SHEET_SEED, Pairs, drawn

SIZE = 64  # of the images
NETWORKS = ("unet", "ema", "optimizer")
SAME = ("world", "seed")  # all through a run


def training_schedule(device: str = "cpu") -> Schedule:
    """All timesteps of the scheduler: the timestep index is the timestep itself."""
    alphas = cosine_alphas()
    return Schedule(torch.arange(len(alphas)), alphas, PREDICTION).to(device)


def loss(unet: SmallUNet, schedule: Schedule, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """L of clean latents x (b 12 h w) at timesteps t (b)."""

    def predict(z: Tensor, t: Tensor) -> Tensor:
        return unet(z.contiguous(memory_format=torch.channels_last), t)

    return schedule.loss(predict, x, noise, t)


class Trainer:
    """Everything a run owns: `step` learns from one batch, `state` returns it all.

    Args:
        device: that trains.
        half_life: of the averaged weights, in images.
        threads: that share a batch; 1 on a GPU.
    """

    def __init__(self, device: str, half_life: float, threads: int) -> None:
        self.unet = channels_last(network().to(device))
        self.ema = copy.deepcopy(self.unet).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.unet.parameters(),
            betas=(0.9, 0.99),
            weight_decay=1e-2,
            fused=device.startswith("cuda"),
        )
        self.schedule = training_schedule(device)
        self.device = device
        self.half_life = half_life
        self.steps = 0
        self.images = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def step(self, images: Tensor, lr: float) -> dict[str, Tensor]:
        """Learn from images (b 3 64 64) in 0..1 at the learning rate `lr`; returns L."""
        torch.manual_seed(self.steps)  # a resumed run draws what an unbroken one would have
        x = encode(images)
        noise = torch.randn_like(x)
        t = torch.randint(len(self.schedule.times), (len(x),), device=x.device)

        chunks = [part.chunk(self.threads) for part in (x, noise, t)]
        results = list(self.pool.map(self._gradients, *chunks))
        losses = [value for value, _ in results]
        gradients = [gradient for _, gradient in results]
        for parameter, *parts in zip(self.unet.parameters(), *gradients, strict=True):
            parameter.grad = reduce(add, parts)

        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.steps += 1
        self.images += len(x)
        average(self.ema, self.unet, self, self.half_life, len(x))
        return {"loss": reduce(add, losses)}

    def _gradients(self, x: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """A thread's share of L, and its gradients."""
        on_gpu = self.device.startswith("cuda")
        with torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext():
            value = loss(self.unet, self.schedule, x, noise, t) / self.threads
        return value.detach(), torch.autograd.grad(value, list(self.unet.parameters()))

    def state(self) -> dict[str, Any]:
        """Everything that is needed to continue."""
        return state_of(self, NETWORKS)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        restore_state(self, NETWORKS, state)


@torch.no_grad()
def sheet(unet: SmallUNet, world: World, count: int = 16, steps: int = 25) -> Image.Image:
    """`count` samples, 16 a row, above as many renders."""
    device = unet.conv_in.weight.device
    random = torch.Generator().manual_seed(0)
    z = torch.randn(count, unet.config.in_channels, SIDE, SIDE, generator=random)

    *_, (_, clean) = pixel_schedule(steps).to(device).trajectory(unet, z.to(device), steps, 0)
    scenes, *_ = Pairs(world, count, SHEET_SEED)[0]
    real = scenes.to(device).render(SIZE)
    tiles = torch.cat([decode(clean), real]).mul(255).round().byte().cpu()
    tiles = tiles.reshape(-1, 16, 3, SIZE, SIZE).permute(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(-1, 16 * SIZE, 3).numpy())


def save(trainer: Trainer, options: argparse.Namespace) -> None:
    """Write the state, a sheet of samples, the averaged network and its card."""
    same = {name: getattr(options, name) for name in SAME}
    save_state(trainer.state() | same, options.out / "state.pt")
    page = sheet(trainer.ema, WORLDS[options.world])
    write_file(options.out / "samples.png", png(page))
    card = {
        "model": (
            "UNet2DModel of diffusers on 2x2 pixel-unshuffled images, unconditional, v-prediction"
        ),
        "world": options.world,
        "data": (
            f"an endless stream of renders of dragkit's own procedural {options.world}, each seen"
            " once"
        ),
        "resolution": SIZE,
        "parameters": sum(p.numel() for p in trainer.ema.parameters()),
        "schedule": SCHEDULE,
        "settings": settings_of(options),
        **facts(trainer, options.device),
    }
    write_model(weights_file(options.out), half_weights(trainer.ema), card)


def train(trainer: Trainer, options: argparse.Namespace) -> None:
    """Train to the end of the run, saving regularly and at the end."""
    length = length_of(options)
    source = Pairs(WORLDS[options.world], options.batch, options.seed)
    batches = drawn(source, (SIZE,), options.device, trainer.steps, options.workers)

    def step() -> dict[str, Tensor]:
        images, *_ = next(batches)
        return trainer.step(images, options.lr * rate(length.done(trainer)))

    def save_all(losses: dict[str, float]) -> None:
        if losses:
            trainer.history.append({"images": trainer.images, **losses})
        save(trainer, options)

    train_until(1, trainer, length, step, save_all, "diffusion")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The settings of the command line."""
    parser = common_options("diffusion", "runs/lion-diffusion", batch=16, lr=1e-3, until=130_000)
    add = parser.add_argument
    add("--half-life", type=amount, default=4000, help="of the averaged weights, in images")
    add("--threads", type=whole, default=0, help="that share a batch on a CPU; 0: one per core")
    options = parser.parse_args(arguments)
    single(parser, options, "batch", "lr")
    if options.device != "cpu":
        options.threads = 1
    elif not options.threads:
        options.threads = os.cpu_count() or 1
    if options.batch % options.threads:
        parser.error(f"--batch {options.batch} does not divide among {options.threads} threads")
    return options


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    options = parse(arguments)
    prepare(options.device)
    torch.manual_seed(0)
    torch.set_num_threads(1)

    trainer = Trainer(options.device, options.half_life, options.threads)
    same = {name: getattr(options, name) for name in SAME}
    with told_in_a_line():
        state = saved_state(options.out / "state.pt", options.device, same)
    if state:
        trainer.restore(state)
    train(trainer, options)


if __name__ == "__main__":
    main()
