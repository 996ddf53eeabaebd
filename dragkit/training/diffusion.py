r"""Train the bundled diffusion model: ``python -m dragkit.training.diffusion --out
runs/lion-diffusion``.

A UNet in pixel space (Ho et al. 2020), made cheap for a laptop: squares of 2x2 pixels become
channels, so a 64-px image is a latent of 12 channels on 32x32 cells. It learns to predict the
velocity (Salimans & Ho 2022):

    z_t = √ᾱ_t x + √(1 - ᾱ_t) ε,    L = mean ‖UNet(z_t, t) - (√ᾱ_t ε - √(1 - ᾱ_t) x)‖²,    t
    uniform,

with the cosine schedule of ᾱ (Nichol & Dhariwal 2021). The averaged weights (EMA) are kept. Every
few minutes the run writes ``state.pt`` (to go on from), ``samples.png`` (samples over renders),
the weights in half precision and their card. On a CPU each of `--workers` threads takes its share
of every batch: two threads that share one convolution wait for each other more than they work. On
a GPU it computes in bf16.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import copy
import json
import math
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from ..models.diffusion.ddim import Schedule, ddim_schedule
from ..models.diffusion.pixel_unet import (
    SCHEDULE,
    decode,
    encode,
    network,
    save_network,
    scheduler,
)
from . import pairs

SIZE = 64  # of the images
SAVE_SECONDS = 240
HALF_LIFE = 4000  # of the averaged weights, in images


def every_time(device: str = "cpu") -> Schedule:
    """The road of training: each of the scheduler's times is a level."""
    alphas = scheduler().alphas_cumprod
    return Schedule(
        torch.arange(len(alphas), device=device), alphas.to(device), SCHEDULE["prediction_type"]
    )


def loss(unet: UNet2DModel, levels: Schedule, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """L of clean latents x (b 12 h w) at times t (b)."""
    return levels.error(
        lambda z, t: unet(z.contiguous(memory_format=torch.channels_last), t).sample, x, noise, t
    )


class Trainer:
    """Everything a run owns; `step` sees one batch, `state` keeps it all."""

    def __init__(self, lr: float, device: str, workers: int) -> None:
        self.unet = network().to(device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.unet).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.unet.parameters(), lr, betas=(0.9, 0.99), weight_decay=1e-2
        )
        self.levels = every_time(device)
        self.lr, self.device, self.images, self.seconds, self.history = lr, device, 0, 0.0, []
        self.workers, self.pool = (
            workers,
            ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)),
        )

    def step(self, images: Tensor, done: float) -> float:
        """Learn from uint8 `images` (b 3 64 64) when the part `done` of the run is over; returns
        L.
        """
        # so that a resumed run draws what an unbroken one would have
        torch.manual_seed(self.images)
        x = encode(images.to(self.device).float() / 255)
        noise, t = (
            torch.randn_like(x),
            torch.randint(len(self.levels.times), (len(x),), device=self.device),
        )
        shares = zip(*(part.chunk(self.workers) for part in (x, noise, t)))
        losses, gradients = zip(*self.pool.map(lambda share: self._gradients(*share), shares))
        for parameter, *parts in zip(self.unet.parameters(), *gradients):
            parameter.grad = sum(parts) / len(parts)
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * rate(done)
        self.optimizer.step()
        self.images += len(x)
        self._average(len(x))
        return sum(losses) / len(losses)

    def _gradients(self, x: Tensor, noise: Tensor, t: Tensor) -> tuple[float, tuple[Tensor, ...]]:
        half = (
            torch.autocast("cuda", torch.bfloat16)
            if self.device.startswith("cuda")
            else nullcontext()
        )
        with half:
            value = loss(self.unet, self.levels, x, noise, t)
        return value.item(), torch.autograd.grad(value, list(self.unet.parameters()))

    def _average(self, batch: int) -> None:
        keep = 0.5 ** (batch / min(HALF_LIFE, 1 + self.images / 10))
        for mean, now in zip(self.ema.parameters(), self.unet.parameters()):
            mean.lerp_(now.detach(), 1 - keep)

    def state(self) -> dict:
        nets = {name: getattr(self, name).state_dict() for name in ("unet", "ema", "optimiser")}
        return nets | {"images": self.images, "seconds": self.seconds, "history": self.history}

    def restore(self, state: dict) -> None:
        """Go on from what `state` returned."""
        for name in ("unet", "ema", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.images, self.seconds, self.history = (
            state["images"],
            state["seconds"],
            state["history"],
        )


def rate(done: float) -> float:
    """The share of the learning rate when the part `done` (0..1) of the run is over: a short rise,
    then half a cosine.
    """
    return min(done / 0.02 + 0.01, (1 + math.cos(math.pi * min(done, 1))) / 2 + 0.01)


@torch.no_grad()
def sheet(unet: UNet2DModel, images: np.ndarray, count: int, steps: int = 25) -> Image.Image:
    """`count` samples, 16 a row, over as many renders."""
    way, device = ddim_schedule(scheduler(), steps, unet.device), unet.device
    z = torch.randn(
        count,
        unet.config.in_channels,
        SIZE // 2,
        SIZE // 2,
        generator=torch.Generator().manual_seed(0),
    ).to(device)
    for _, z in way.trajectory(lambda z, t: unet(z, t).sample, z, steps, 0):
        pass
    made = decode(z).mul(255).round().byte().cpu().numpy()
    tiles = np.concatenate([made, images[:count]])
    tiles = tiles.reshape(-1, 16, 3, SIZE, SIZE).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(-1, 16 * SIZE, 3))


def save(
    trainer: Trainer, out: Path, images: np.ndarray, settings: dict, samples: int = 16
) -> None:
    """Write the state, a sheet of samples, the averaged network and its card."""
    torch.save(trainer.state(), out / "state.part")
    (out / "state.part").replace(out / "state.pt")
    sheet(trainer.ema, images, samples).save(out / "samples.png")
    save_network(trainer.ema, out / "lion-diffusion.safetensors")
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
        "machine": f"{trainer.device}, {os.cpu_count()} cores, {platform.machine()}",
        "torch": torch.__version__,
        "settings": settings,
        "history": trainer.history,
    }
    (out / "lion-diffusion.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def train(trainer: Trainer, images: np.ndarray, out: Path, settings: dict) -> None:
    """Go on until `settings["until"]` images are seen, saving as it goes and when it
    is stopped.
    """
    batch, until = settings["batch"], settings["until"]
    saved = last = time.monotonic()
    bar = tqdm(total=until, initial=trainer.images, desc="diffusion", unit="image")
    recent = []
    try:
        while trainer.images < until:
            chosen = np.random.RandomState(trainer.images // batch).choice(
                len(images), batch, replace=False
            )
            recent.append(trainer.step(torch.from_numpy(images[chosen]), trainer.images / until))
            now = time.monotonic()
            trainer.seconds, last = trainer.seconds + now - last, now
            bar.update(batch)
            bar.set_postfix(loss=f"{np.mean(recent[-100:]):.4f}", refresh=False)
            if now - saved > SAVE_SECONDS:
                trainer.history.append(
                    {"images": trainer.images, "loss": round(float(np.mean(recent)), 5)}
                )
                recent.clear()
                save(trainer, out, images, settings)
                saved = last = time.monotonic()
    finally:
        save(trainer, out, images, settings)
        bar.close()


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.training.diffusion", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/lion-diffusion"),
        help="folder of the run; goes on from what is there",
    )
    parser.add_argument("--images", type=int, default=24_000, help="how many lions to render")
    parser.add_argument("--until", type=int, default=130_000, help="images seen in all")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        help="threads that share a batch; 0 = one per core, on a GPU one",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    workers = options.workers or (os.cpu_count() if options.device == "cpu" else 1)
    if options.batch % workers:
        parser.error(f"--batch {options.batch} does not divide among {workers} workers")
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {k: v for k, v in vars(options).items() if k not in ("out", "device", "workers")}
    images = pairs.prepare(options.out / "images.npy", options.images, SIZE)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # numbers next to zero are slow on a CPU, and worth nothing
    trainer = Trainer(options.lr, options.device, workers)
    if (options.out / "state.pt").exists():
        trainer.restore(
            torch.load(options.out / "state.pt", map_location=options.device, weights_only=True)
        )
    train(trainer, images, options.out, settings)


if __name__ == "__main__":
    main()
