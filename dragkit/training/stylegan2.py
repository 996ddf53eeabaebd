r"""Train the bundled lion: ``python -m dragkit.training.stylegan2 --out runs/lion``.

StyleGAN2, grown from 32 px, trained by two teachers. The *pair* teacher knows which image
belongs to a latent (:mod:`dragkit.training.pairs`) and asks for that image; the *adversarial*
one, at the last size, asks for images that a discriminator D takes for renders (Goodfellow et
al., non-saturating):

    L_G = mean c|G(z) - x| + mean |∇G(z) - ∇x| + λ softplus(-D(G(z))),
    L_D = softplus(D(G(z))) + softplus(-D(x)) + γ/2 ‖∇_x D(x)‖²   (R1, every 16th step).

The averaged weights (EMA) are kept. Every few minutes the run writes ``state.pt`` (to go on from),
``samples.png`` (seeds over renders), ``lion.safetensors`` and its card ``lion.json``.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..models.gan.network import Generator
from . import pairs
from .trainer import Trainer

SAVE_SECONDS = 150
W_SCALE = 1 / 8  # of the published w: see `published`


def batches(images: np.ndarray, batch: int, size: int, device: str, start: int):
    """Endless (z, ψ, images at `size` px in -1..1); batch `start` is always the same one."""
    while True:
        chosen = np.sort(np.random.RandomState(start).choice(len(images), batch, replace=False))
        start += 1
        z, truncation = zip(*map(pairs.latents, chosen))
        real = torch.from_numpy(images[chosen]).to(device).float() / 127.5 - 1
        real = F.interpolate(real, size=size, mode="area").contiguous(
            memory_format=torch.channels_last
        )
        as_tensor = lambda a: torch.tensor(np.array(a), dtype=torch.float32, device=device)  # noqa: E731
        yield as_tensor(z), as_tensor(truncation), real


def sheet(trainer: Trainer, images: np.ndarray, rows: int = 4, columns: int = 12) -> Image.Image:
    """`rows` of seeds at truncation 0.7 over two rows of renders."""
    z = np.stack(
        [np.random.RandomState(s).randn(trainer.ema.mapping.z_dim) for s in range(rows * columns)]
    )
    device = next(trainer.ema.parameters()).device
    with torch.no_grad():
        made = trainer.ema(torch.tensor(z, dtype=torch.float32, device=device), 0.7).cpu()
    real = torch.from_numpy(np.array(images[: 2 * columns])).float() / 127.5 - 1
    real = F.interpolate(real, size=trainer.size, mode="area")
    tiles = torch.cat([made, real]).add(1).mul(127.5).round().clamp(0, 255).byte().numpy()
    tiles = tiles.reshape(rows + 2, columns, *tiles.shape[1:]).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(tiles.shape[0] * tiles.shape[1], -1, 3))


def published(generator: Generator, scale: float = W_SCALE) -> dict[str, Tensor]:
    """The state dict with w made `scale` times as long, and the affine layers that read it as much
    stronger.

    The images stay the same to the last bit. What changes is how far a drag's Adam step of the
    published size (1e-3) goes: w's unit is a matter of convention, and this lion's is large.
    """
    state = {
        name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()
    }
    last = f"mapping.fc{generator.mapping.layers - 1}"
    for name in (f"{last}.weight", f"{last}.bias", "mapping.w_avg"):
        state[name] = state[name] * scale
    return {
        name: value / scale if name.endswith("affine.weight") else value
        for name, value in state.items()
    }


def save(trainer: Trainer, out: Path, images: np.ndarray, settings: dict) -> None:
    """Write the state, a sheet of samples, the averaged generator and its card."""
    torch.save(trainer.state(), out / "state.part")
    (out / "state.part").replace(out / "state.pt")
    sheet(trainer, images).save(out / "samples.png")
    save_file(published(trainer.ema), out / "lion.safetensors")
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
        "machine": (
            f"{trainer.ema.mapping.w_avg.device.type}, {os.cpu_count()} cores,"
            f" {platform.machine()}"
        ),
        "torch": torch.__version__,
        "settings": settings,
        "history": trainer.history,
    }
    (out / "lion.json").write_text(json.dumps(card, indent=2) + "\n")


def train(
    trainer: Trainer,
    images: np.ndarray,
    until: int,
    adversarial: float,
    out: Path,
    settings: dict,
) -> None:
    """Run one size up to `until` images seen in all, saving as it goes and when it is stopped."""
    device, batch = next(trainer.g.parameters()).device.type, settings["batch"]
    stream = batches(images, batch, trainer.size, device, start=trainer.images // batch)
    saved = last = time.monotonic()
    bar = tqdm(total=until, initial=trainer.images, desc=f"{trainer.size} px", unit="image")
    try:
        while trainer.images < until:
            losses = trainer.step(*next(stream), adversarial)
            now = time.monotonic()
            trainer.seconds, last = trainer.seconds + now - last, now
            bar.update(batch)
            bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()}, refresh=False)
            if now - saved > SAVE_SECONDS:
                trainer.history.append(
                    {
                        "images": trainer.images,
                        "size": trainer.size,
                        "lr": settings["lr"],
                        "adversarial": adversarial,
                        **losses,
                    }
                )
                save(trainer, out, images, settings)
                saved = last = time.monotonic()
    finally:
        save(trainer, out, images, settings)
        bar.close()


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.training.stylegan2", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/lion"),
        help="folder of the run; goes on from what is there",
    )
    parser.add_argument("--images", type=int, default=24_000, help="how many lions to render")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[32, 64, 128], help="image sides, growing"
    )
    parser.add_argument(
        "--until",
        type=int,
        nargs="+",
        default=[60_000, 80_000, 125_000],
        help="images seen in all at the end of each size",
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument(
        "--adversarial",
        type=float,
        default=0.002,
        help="weight of the discriminator at the last size",
    )
    parser.add_argument(
        "--adversarial-from", type=int, default=103_000, help="images seen before it joins"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    if len(options.sizes) != len(options.until):
        parser.error(
            f"--sizes has {len(options.sizes)} numbers and --until {len(options.until)}; give one"
            " for each size"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {k: v for k, v in vars(options).items() if k not in ("out", "device")}
    images = pairs.prepare(options.out / "images.npy", options.images, options.sizes[-1])
    state = None
    if (options.out / "state.pt").exists():
        state = torch.load(
            options.out / "state.pt", map_location=options.device, weights_only=True
        )
        if state["size"] not in options.sizes:
            parser.error(
                f"the run in {options.out} stands at {state['size']} px, which is not among"
                f" --sizes {options.sizes}"
            )
    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # numbers next to zero are slow on a CPU, and worth nothing
    trainer = None
    for size, until in zip(options.sizes, options.until):
        if state and size < state["size"]:
            continue
        grown = Trainer(size, options.lr, options.device)
        if trainer:
            grown.grow_from(trainer)
        if state and size == state["size"]:
            grown.restore(state)
        trainer = grown
        if size == options.sizes[-1]:
            train(trainer, images, min(until, options.adversarial_from), 0, options.out, settings)
            train(trainer, images, until, options.adversarial, options.out, settings)
        else:
            train(trainer, images, until, 0, options.out, settings)


if __name__ == "__main__":
    main()
