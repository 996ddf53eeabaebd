r"""Train the bundled lion: ``python -m dragkit.training.stylegan2 --out runs/lion``.

StyleGAN2, grown from 32 px, trained by two teachers. The *pair* teacher knows which picture belongs to
a latent (:mod:`dragkit.training.pairs`) and asks for that picture; the *adversarial* one, at the last
size, asks for pictures that a discriminator D takes for renders (Goodfellow et al., non-saturating):

    L_G = mean c|G(z) - x| + mean |∇G(z) - ∇x| + λ softplus(-D(G(z))),
    L_D = softplus(D(G(z))) + softplus(-D(x)) + γ/2 ‖∇_x D(x)‖²   (R1, every 16th step).

The averaged weights (EMA) are kept. Every few minutes the run writes ``state.pt`` (to go on from),
``samples.png`` (seeds over renders), ``lion.safetensors`` and its card ``lion.json``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: three times faster on few cores

import argparse
import copy
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from dragkit.models.stylegan2_network import Generator
from dragkit.training import pairs
from dragkit.worlds.lion import FACTORS

CHANNELS = {4: 160, 8: 160, 16: 128, 32: 64, 64: 32, 128: 16}
JUDGE_CHANNELS, PATCH = (16, 32, 64, 96, 96), 64  # the discriminator's, from 64 px down to 4
W_DIM, MAPPING_LAYERS, MOVING_ROWS = 128, 2, 6
R1_EVERY, SAVE_SECONDS = 16, 150


class Discriminator(nn.Module):
    """Patch (b 3 64 64) → logit (b): convolutions and halvings to 4 px, the batch's spread, two layers.

    Random patches are enough, since the pair teacher knows where everything belongs, and four times cheaper.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, JUDGE_CHANNELS[0], 1), nn.LeakyReLU(0.2)]
        for fine, coarse in zip(JUDGE_CHANNELS, JUDGE_CHANNELS[1:]):
            layers += [nn.Conv2d(fine, coarse, 3, padding=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2)]
        self.body = nn.Sequential(*layers)
        last = JUDGE_CHANNELS[-1]
        self.head = nn.Sequential(
            nn.Conv2d(last + 1, last, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(16 * last, last), nn.LeakyReLU(0.2), nn.Linear(last, 1),
        )  # fmt: skip

    def forward(self, patch: Tensor) -> Tensor:
        x = self.body(patch)
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean().expand(len(x), 1, *x.shape[2:])
        return self.head(torch.cat([x, spread], 1)).squeeze(1)


def patches(*images: Tensor) -> list[Tensor]:
    """The same random 64-px square of each of `images` (b 3 r r)."""
    top, left = (int(torch.randint(images[0].shape[-1] - PATCH + 1, ())) for _ in range(2))
    return [image[..., top : top + PATCH, left : left + PATCH] for image in images]


def fake(g: Generator, z: Tensor, truncation: Tensor) -> Tensor:
    """Pictures of latent pairs z (b 2 z_dim): coarse rows of w+ from the first, the rest from the second."""
    w = g.mapping(z.flatten(0, 1)).view(*z.shape[:2], -1)
    if g.training:
        g.mapping.w_avg.lerp_(w.detach().mean((0, 1)), 0.005)
    w = g.mapping.w_avg + truncation[:, None, None] * (w - g.mapping.w_avg)
    rows = g.synthesis.num_ws
    return g.synthesis(torch.cat([w[:, :1].expand(-1, MOVING_ROWS, -1), w[:, 1:].expand(-1, rows - MOVING_ROWS, -1)], 1))


def pair_loss(image: Tensor, real: Tensor) -> Tensor:
    """mean c|Δ| + mean |∇Δ|: small things of high contrast c count (eyes, nose), and edges stay sharp."""
    difference = image - real
    around = F.avg_pool2d(real, 9, stride=1, padding=4, count_include_pad=False)
    contrast = 1 + 4 * (real - around).abs().mean(1, keepdim=True)
    return (contrast * difference.abs()).mean() + sum(difference.diff(dim=d).abs().mean() for d in (2, 3))


class Trainer:
    """Everything a run owns at one size; `step` sees one batch, `save` keeps it all."""

    def __init__(self, size: int, lr: float, device: str) -> None:
        self.size, self.images, self.seconds, self.history = size, 0, 0.0, []
        channels = {r: c for r, c in CHANNELS.items() if r <= size}
        make = lambda net: net.to(device, memory_format=torch.channels_last)  # noqa: E731
        self.g = make(Generator(channels, len(FACTORS), W_DIM, MAPPING_LAYERS))
        self.d = make(Discriminator())
        self.ema = copy.deepcopy(self.g).eval().requires_grad_(False)
        # The mapping's weights are stored 100 times larger than used: at the common rate it would hardly move.
        groups = [{"params": self.g.mapping.parameters(), "lr": 30 * lr}, {"params": self.g.synthesis.parameters()}]
        self.g_optimiser = torch.optim.Adam(groups, lr, betas=(0.9, 0.99))
        self.d_optimiser = torch.optim.Adam(self.d.parameters(), lr / 2, betas=(0.0, 0.99))

    def grow_from(self, smaller: "Trainer") -> None:
        """Take over a smaller generator; the new block starts by adding nothing to its picture."""
        nn.init.zeros_(getattr(self.g.synthesis, f"b{self.size}").torgb.weight)
        self.ema.load_state_dict(self.g.state_dict())
        self.g.load_state_dict(smaller.g.state_dict(), strict=False)
        self.ema.load_state_dict(smaller.ema.state_dict(), strict=False)
        self.images, self.seconds, self.history = smaller.images, smaller.seconds, smaller.history

    def step(self, z: Tensor, truncation: Tensor, real: Tensor, adversarial: float) -> dict[str, float]:
        """One update of G and, where `adversarial` (λ) is not 0, one of D."""
        image = fake(self.g, z, truncation)
        loss = pair_loss(image, real)
        losses = {"pair": loss.item()}
        if adversarial:
            self.d.requires_grad_(False)
            made, rendered = patches(image, real)
            loss = loss + adversarial * F.softplus(-self.d(made)).mean()
        _descend(self.g_optimiser, loss)
        if adversarial:
            losses["D"] = self.teach(made.detach(), rendered)
        self.images += len(z)
        self._average(len(z))
        return losses

    def teach(self, made: Tensor, real: Tensor, gamma: float = 1.0) -> float:
        """One update of the discriminator on patches."""
        self.d.requires_grad_(True)
        regularise = self.images // len(real) % R1_EVERY == 0
        real = real.detach().requires_grad_(regularise)
        judged = self.d(real)
        loss = F.softplus(self.d(made)).mean() + F.softplus(-judged).mean()
        value = loss.item()
        if regularise:
            (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
            loss = loss + R1_EVERY * gamma / 2 * slope.square().sum((1, 2, 3)).mean()
        _descend(self.d_optimiser, loss)
        return value

    def _average(self, batch: int, half_life: float = 5000.0) -> None:
        keep = 0.5 ** (batch / min(half_life, 1 + self.images / 10))
        for mean, now in zip(self.ema.parameters(), self.g.parameters()):
            mean.lerp_(now.detach(), 1 - keep)
        self.ema.mapping.w_avg.copy_(self.g.mapping.w_avg)

    def state(self) -> dict:
        nets = {name: getattr(self, name).state_dict() for name in ("g", "d", "ema", "g_optimiser", "d_optimiser")}
        return nets | {"size": self.size, "images": self.images, "seconds": self.seconds, "history": self.history}

    def restore(self, state: dict) -> None:
        """Go on from what `state` returned."""
        rates = [group["lr"] for group in self.g_optimiser.param_groups]
        for name in ("g", "d", "ema", "g_optimiser", "d_optimiser"):
            getattr(self, name).load_state_dict(state[name])
        for group, rate in zip(self.g_optimiser.param_groups, rates):
            group["lr"] = rate  # that of this call, which may go on more slowly
        self.images, self.seconds, self.history = state["images"], state["seconds"], state["history"]


def batches(pictures: np.ndarray, batch: int, size: int, device: str, start: int):
    """Endless (z, ψ, pictures at `size` px in -1..1); batch `start` is always the same one."""
    while True:
        chosen = np.sort(np.random.RandomState(start).choice(len(pictures), batch, replace=False))
        start += 1
        z, truncation = zip(*map(pairs.latents, chosen))
        real = torch.from_numpy(pictures[chosen]).to(device).float() / 127.5 - 1
        real = F.interpolate(real, size=size, mode="area").contiguous(memory_format=torch.channels_last)
        as_tensor = lambda a: torch.tensor(np.array(a), dtype=torch.float32, device=device)  # noqa: E731
        yield as_tensor(z), as_tensor(truncation), real


def sheet(trainer: Trainer, pictures: np.ndarray, rows: int = 4, columns: int = 12) -> Image.Image:
    """`rows` of seeds at truncation 0.7 over two rows of renders."""
    z = np.stack([np.random.RandomState(s).randn(trainer.ema.mapping.z_dim) for s in range(rows * columns)])
    device = next(trainer.ema.parameters()).device
    with torch.no_grad():
        made = trainer.ema(torch.tensor(z, dtype=torch.float32, device=device), 0.7).cpu()
    real = torch.from_numpy(np.array(pictures[: 2 * columns])).float() / 127.5 - 1
    real = F.interpolate(real, size=trainer.size, mode="area")
    tiles = torch.cat([made, real]).add(1).mul(127.5).round().clamp(0, 255).byte().numpy()
    tiles = tiles.reshape(rows + 2, columns, *tiles.shape[1:]).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(tiles.shape[0] * tiles.shape[1], -1, 3))


def save(trainer: Trainer, out: Path, pictures: np.ndarray, settings: dict) -> None:
    """Write the state, a sheet of samples, the averaged generator and its card."""
    torch.save(trainer.state(), out / "state.part")
    (out / "state.part").replace(out / "state.pt")
    sheet(trainer, pictures).save(out / "samples.png")
    weights = {name: value.detach().cpu().contiguous() for name, value in trainer.ema.state_dict().items()}
    save_file(weights, out / "lion.safetensors")
    card = {
        "model": "StyleGAN2 (skip architecture, constant noise)",
        "data": f"{len(pictures)} pictures of dragkit's own procedural lion, each with its latent",
        "licence": "MIT", "resolution": trainer.size, "feature_block": 64,
        "images_seen": trainer.images, "minutes": round(trainer.seconds / 60, 1),
        "machine": f"{trainer.ema.mapping.w_avg.device.type}, {os.cpu_count()} cores, {platform.machine()}",
        "torch": torch.__version__, "settings": settings, "history": trainer.history,
    }  # fmt: skip
    (out / "lion.json").write_text(json.dumps(card, indent=2) + "\n")


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def train(trainer: Trainer, pictures: np.ndarray, until: int, adversarial: float, out: Path, settings: dict) -> None:
    """Run one size up to `until` images seen in all, saving as it goes and when it is stopped."""
    device, batch = next(trainer.g.parameters()).device.type, settings["batch"]
    stream = batches(pictures, batch, trainer.size, device, start=trainer.images // batch)
    saved = last = time.monotonic()
    bar = tqdm(total=until, initial=trainer.images, desc=f"{trainer.size} px", unit="picture")
    try:
        while trainer.images < until:
            losses = trainer.step(*next(stream), adversarial)
            now = time.monotonic()
            trainer.seconds, last = trainer.seconds + now - last, now
            bar.update(batch)
            bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()}, refresh=False)
            if now - saved > SAVE_SECONDS:
                trainer.history.append({"images": trainer.images, "size": trainer.size, "lr": settings["lr"],
                                        "adversarial": adversarial, **losses})  # fmt: skip
                save(trainer, out, pictures, settings)
                saved = last = time.monotonic()
    finally:
        save(trainer, out, pictures, settings)
        bar.close()


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    parser = argparse.ArgumentParser(prog="python -m dragkit.training.stylegan2", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/lion"), help="folder of the run; goes on from what is there")
    parser.add_argument("--pictures", type=int, default=24_000, help="how many lions to render")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128], help="picture sides, growing")
    parser.add_argument("--until", type=int, nargs="+", default=[40_000, 120_000, 300_000], help="images seen in all at the end of each size")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--adversarial", type=float, default=0.01, help="weight of the discriminator at the last size")
    parser.add_argument("--adversarial-from", type=int, default=200_000, help="images seen before it joins")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {k: v for k, v in vars(options).items() if k not in ("out", "device")}
    pictures = pairs.prepare(options.out / "pictures.npy", options.pictures, options.sizes[-1])
    state = torch.load(options.out / "state.pt", weights_only=True) if (options.out / "state.pt").exists() else None
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
            train(trainer, pictures, min(until, options.adversarial_from), 0, options.out, settings)
            train(trainer, pictures, until, options.adversarial, options.out, settings)
        else:
            train(trainer, pictures, until, 0, options.out, settings)


if __name__ == "__main__":
    main()
