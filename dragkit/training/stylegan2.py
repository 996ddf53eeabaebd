r"""Train the bundled lion: ``python -m dragkit.training.stylegan2 --out runs/lion``.

StyleGAN2, grown from 32 px, trained by two teachers. The *pair* teacher knows which image
belongs to a latent (:mod:`dragkit.training.pairs`) and asks for that image; the *adversarial*
one, at the last size, asks for images that a discriminator D takes for renders (Goodfellow et
al., non-saturating):

    L_G = mean c|G(z) - x| + mean |∇G(z) - ∇x| + λ softplus(-D(G(z))),
    L_D = softplus(D(G(z))) + softplus(-D(x)) + γ/2 ‖∇_x D(x)‖²   (R1, every 16th step).

The averaged weights (EMA) are published. Every few minutes the run writes ``state.pt`` (to
continue from), ``samples.png`` (seeds above renders), ``lion.safetensors`` and its card
``lion.json``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..atomic import write_file
from ..compose.encoding import png
from ..models.gan.network import Generator
from ..models.weights import write_model
from . import pairs
from .loop import common_options, machine, save_state, settings_of, train_until
from .trainer import Trainer

SAVE_SECONDS = 150
W_SCALE = 1 / 8  # of the published w: see `published`


def batches(
    images: np.ndarray, batch: int, size: int, device: str, start: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless (z, ψ, images at `size` px in -1..1); batch number `start` is always the same."""
    while True:
        chosen = np.sort(np.random.RandomState(start).choice(len(images), batch, replace=False))
        start += 1
        latents = [pairs.latents(index) for index in chosen]
        z = torch.tensor(np.array([z for z, _ in latents]), dtype=torch.float32, device=device)
        truncation = torch.tensor([psi for _, psi in latents], dtype=torch.float32, device=device)
        real = torch.from_numpy(images[chosen]).to(device).float() / 127.5 - 1
        real = F.interpolate(real, size=size, mode="area")
        yield z, truncation, real.contiguous(memory_format=torch.channels_last)


def sheet(trainer: Trainer, images: np.ndarray, rows: int = 4, columns: int = 12) -> Image.Image:
    """`rows` of seeds at truncation 0.7 above two rows of renders."""
    z_dim = trainer.ema.mapping.z_dim
    z = np.stack([np.random.RandomState(s).randn(z_dim) for s in range(rows * columns)])
    device = next(trainer.ema.parameters()).device
    with torch.no_grad():
        made = trainer.ema(torch.tensor(z, dtype=torch.float32, device=device), 0.7).cpu()

    real = torch.from_numpy(np.array(images[: 2 * columns])).float() / 127.5 - 1
    real = F.interpolate(real, size=trainer.size, mode="area")
    tiles = torch.cat([made, real]).add(1).mul(127.5).round().clamp(0, 255).byte().numpy()
    tiles = tiles.reshape(rows + 2, columns, *tiles.shape[1:]).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(tiles.shape[0] * tiles.shape[1], -1, 3))


def published(generator: Generator, scale: float = W_SCALE) -> dict[str, Tensor]:
    """The state dict with w multiplied by `scale`, and the layers that read it divided by it.

    The images stay the same to the last bit. What changes is how far an Adam step of the published
    size (1e-3) takes a drag: w's unit is a convention, and this lion's is large.
    """
    weights = generator.state_dict()
    state = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    last = f"mapping.fc{generator.mapping.layers - 1}"
    for name in (f"{last}.weight", f"{last}.bias", "mapping.w_avg"):
        state[name] = state[name] * scale
    return {
        name: value / scale if name.endswith("affine.weight") else value
        for name, value in state.items()
    }


def save(trainer: Trainer, out: Path, images: np.ndarray, settings: dict[str, Any]) -> None:
    """Write the state, a sheet of samples, the averaged generator and its card."""
    save_state(trainer.state(), out / "state.pt")
    write_file(out / "samples.png", png(sheet(trainer, images)))
    card = {
        "model": "StyleGAN2 (skip architecture, constant noise)",
        "data": f"{len(images)} images of dragkit's own procedural lion, each with its latent",
        "licence": "MIT",
        "resolution": trainer.size,
        "feature_block": min(64, trainer.size),
        "w_scale": W_SCALE,
        "objective": (
            "pairs (image of the latent), then also adversarial (R1) from adversarial_from"
            " images on"
        ),
        "images_seen": trainer.images,
        "minutes": round(trainer.seconds / 60, 1),
        "machine": machine(trainer.ema.mapping.w_avg.device.type),
        "torch": torch.__version__,
        "settings": settings,
        "history": trainer.history,
    }
    write_model(out / "lion.safetensors", published(trainer.ema), card)


def train(
    trainer: Trainer,
    images: np.ndarray,
    until: int,
    adversarial: float,
    out: Path,
    settings: dict[str, Any],
) -> None:
    """Train one size until `until` images are seen in all, saving regularly and at the end."""
    device = next(trainer.g.parameters()).device.type
    batch = settings["batch"]
    stream = batches(images, batch, trainer.size, device, start=trainer.images // batch)
    losses: dict[str, float] = {}

    def step() -> dict[str, float]:
        z, truncation, real = next(stream)
        losses.update(trainer.step(z, truncation, real, adversarial))
        return losses

    def save_all() -> None:
        if losses:
            settings_now = {"lr": settings["lr"], "adversarial": adversarial}
            entry = {"images": trainer.images, "size": trainer.size, **settings_now, **losses}
            trainer.history.append(entry)
        save(trainer, out, images, settings)

    train_until(trainer, until, step, save_all, f"{trainer.size} px", SAVE_SECONDS)


def train_all_sizes(options: argparse.Namespace, images: np.ndarray) -> None:
    """Grow from the first size to the last, from where `options.out` stands."""
    settings = settings_of(options)
    state = _saved_state(options)
    trainer = None
    for size, until in zip(options.sizes, options.until, strict=True):
        if state and size < state["size"]:
            continue
        grown = Trainer(size, options.lr, options.device)
        if trainer:
            grown.grow_from(trainer)
        if state and size == state["size"]:
            grown.restore(state)
        trainer = grown
        if size == options.sizes[-1]:
            alone = min(until, options.adversarial_from)
            train(trainer, images, alone, 0, options.out, settings)
            train(trainer, images, until, options.adversarial, options.out, settings)
        else:
            train(trainer, images, until, 0, options.out, settings)


def _saved_state(options: argparse.Namespace) -> dict[str, Any] | None:
    path = options.out / "state.pt"
    if not path.exists():
        return None
    state = torch.load(path, map_location=options.device, weights_only=True)
    if state["size"] not in options.sizes:
        sys.exit(
            f"the run in {options.out} stands at {state['size']} px, which is not among --sizes"
            f" {options.sizes}"
        )
    return state


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The settings of the command line."""
    parser = common_options("stylegan2", "runs/lion", batch=8, lr=3e-3)
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[32, 64, 128], help="image sides, growing")
    until = [60_000, 80_000, 125_000]
    add("--until", type=int, nargs="+", default=until, help="images seen after each size")
    add("--adversarial", type=float, default=0.002, help="the discriminator's weight, last size")
    add("--adversarial-from", type=int, default=103_000, help="images seen before it joins")
    options = parser.parse_args(arguments)
    if len(options.sizes) != len(options.until):
        parser.error(
            f"--sizes has {len(options.sizes)} numbers and --until {len(options.until)}; give one"
            " for each size"
        )
    return options


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    images = pairs.prepare(options.out / "images.npy", options.images, options.sizes[-1])
    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # denormal numbers are slow on a CPU, and worth nothing
    train_all_sizes(options, images)


if __name__ == "__main__":
    main()
