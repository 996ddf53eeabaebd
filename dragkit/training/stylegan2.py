r"""Train a world's generator: ``python -m dragkit.training.stylegan2 --out runs/lion``.

StyleGAN2, grown from 32 px, trained by two teachers. The *pair* teacher knows which image
belongs to a latent (:mod:`dragkit.training.stream`) and asks for that image; the *adversarial*
one, at the end, asks for images that a discriminator D takes for renders (Goodfellow et al.,
non-saturating):

    L_G = mean c|G(z) - x| + mean |∇G(z) - ∇x| + λ softplus(-D(G(z))),
    L_D = softplus(D(G(z))) + softplus(-D(x)) + γ/2 ‖∇_x D(x)‖²   (R1, every 16th step).

The averaged weights (EMA) are published. Every few minutes the run writes ``state.pt`` (to
continue from), ``samples.png`` (seeds above renders), the weights and their card, both named after
the run's folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..atomic import write_file
from ..compose.encoding import png
from ..models.weights import write_model
from ..worlds.world import WORLDS, World
from .loop import facts, prepare, rate, save_state, saved_state, train_until
from .options import (
    LARGEST,
    amount,
    common_options,
    count,
    for_each,
    length_of,
    settings_of,
    share,
    told_in_a_line,
    weight,
    weights_file,
)
from .published import W_SCALE, Origin, published, read_origin
from .stream import SHEET_SEED, Pairs, drawn, echoed
from .trainer import PATCH, SMALLEST, Trainer

CHANNELS = (160, 160, 128, 64, 32, 16)  # of 4, 8, … 128 px


@dataclass(frozen=True)
class Stage:
    """The part of a run at one size, until the fraction `end` of the run is done."""

    size: int
    batch: int
    lr: float
    end: float


class Run:
    """A run from its first size to its last: the settings, and the trainer of the present size.

    Raises:
        ValueError: the run that was saved, or the weights to start from, do not fit the settings.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.world: World = WORLDS[options.world]
        self.length = length_of(options)
        self.stages = [
            Stage(*values)
            for values in zip(options.sizes, options.batch, options.lr, [*options.grow_at, 1.0])
        ]
        self.origin: Origin | None = None
        self.trainer = self._first()

    def _first(self) -> Trainer:
        """The trainer of a saved run, of other weights, or of fresh ones."""
        options = self.options
        state = saved_state(options.out / "state.pt", options.device, self._same())
        if options.origin:
            self.origin = read_origin(options.origin)
        if state:
            if state["size"] not in options.sizes:
                raise ValueError(
                    f"the run in {options.out} stands at {state['size']} px, which is not among"
                    f" --sizes {options.sizes}"
                )
            trainer = self._fresh(state["size"])
            trainer.restore(state)
            return trainer
        trainer = self._fresh(options.sizes[0])
        if self.origin:
            self.origin.give_to(trainer)
        return trainer

    def _same(self) -> dict[str, Any]:
        """What stays as it is all through a run."""
        return {
            name: getattr(self.options, name) for name in ("world", "seed", "channels", "echo")
        }

    def _fresh(self, size: int) -> Trainer:
        """A trainer with random weights, always the same at one size."""
        torch.manual_seed(size)
        options = self.options
        z_dim = len(self.world.factors)
        return Trainer(size, z_dim, options.channels, options.device, options.half_life)

    def train(self) -> None:
        """Go through all sizes that are not behind it yet."""
        for stage in self.stages:
            if stage.size > self.trainer.size:
                grown = self._fresh(stage.size)
                grown.grow_from(self.trainer)
                self.trainer = grown
            if stage.size == self.trainer.size:
                self._train_at(stage)

    def _train_at(self, stage: Stage) -> None:
        """Train at one size to the stage's end."""
        options = self.options
        trainer = self.trainer
        source = Pairs(self.world, stage.batch, options.seed)

        def draw(number: int) -> Iterator[tuple[Tensor, ...]]:
            return drawn(source, (stage.size,), options.device, number, options.workers)

        batches = echoed(draw, trainer.steps, options.echo, options.seed)

        def step() -> dict[str, Tensor]:
            images, z, truncation = next(batches)
            real = (2 * images - 1).contiguous(memory_format=torch.channels_last)
            trainer.set_rate(stage.lr * rate(self.length.done(trainer)))
            return trainer.step(z, truncation, real, self._adversarial(stage))

        def save(losses: dict[str, float]) -> None:
            if losses:
                entry = {"images": trainer.images, "size": stage.size, **losses}
                trainer.history.append(entry)
            self.save()

        train_until(stage.end, trainer, self.length, step, save, f"{stage.size} px")

    def _adversarial(self, stage: Stage) -> float:
        """The discriminator's weight now."""
        options = self.options
        last = stage is self.stages[-1]
        begun = self.length.done(self.trainer) >= options.adversarial_from
        return options.adversarial if last and begun else 0.0

    def save(self) -> None:
        """Write the state, a sheet of samples, the averaged generator and its card."""
        options = self.options
        save_state(self.trainer.state() | self._same(), options.out / "state.pt")
        page = sheet(self.trainer, self.world, options.device)
        write_file(options.out / "samples.png", png(page))
        write_model(weights_file(options.out), published(self.trainer.ema), self.card())

    def card(self) -> dict[str, Any]:
        """How the generator was made."""
        size = self.trainer.size
        echo = self.options.echo
        times = "once" if echo == 1 else f"{echo} times"
        card = {
            "model": "StyleGAN2 (skip architecture, constant noise)",
            "world": self.world.name,
            "data": (
                f"an endless stream of renders of dragkit's own procedural {self.world.name}, each"
                f" with its latents and seen {times}"
            ),
            "resolution": size,
            "feature_block": min(64, size),
            "w_scale": W_SCALE,
            "objective": (
                "pairs (image of the latent), then also adversarial (R1), at the last size from"
                " the share adversarial_from of the run on"
            ),
            "settings": settings_of(self.options),
        }
        before = {"from": self.origin.told()} if self.origin else {}
        return card | before | facts(self.trainer, self.options.device)


@torch.no_grad()
def sheet(
    trainer: Trainer, world: World, device: str, rows: int = 4, columns: int = 12
) -> Image.Image:
    """`rows` of seeds at truncation 0.7 above two rows of renders."""
    z_dim = len(world.factors)
    z = np.stack([np.random.RandomState(s).randn(z_dim) for s in range(rows * columns)])
    made = trainer.ema(torch.tensor(z, dtype=torch.float32, device=device), 0.7)

    scenes, *_ = Pairs(world, 2 * columns, SHEET_SEED)[0]
    real = scenes.to(device).render(trainer.size)
    tiles = torch.cat([made.add(1).div(2), real]).mul(255).round().clamp(0, 255).byte().cpu()
    tiles = tiles.reshape(rows + 2, columns, *tiles.shape[1:]).permute(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(tiles.shape[0] * tiles.shape[1], -1, 3).numpy())


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The settings of the command line."""
    parser = common_options("stylegan2", "runs/lion", batch=8, lr=3e-3, until=130_000)
    add = parser.add_argument
    add("--sizes", type=count, nargs="+", default=[32, 64, 128], help="image sides, growing")
    add("--grow-at", type=share, nargs="*", default=[0.46, 0.62], help="shares of the run")
    add("--channels", type=count, nargs="+", help="of the blocks of 4, 8, … px")
    add("--adversarial", type=weight, default=0.002, help="the discriminator's weight, last size")
    add("--adversarial-from", type=share, default=0.8, help="share of the run before it joins")
    add("--echo", type=count, default=1, help="how often each batch is learned from")
    add("--half-life", type=amount, default=2000, help="of the averaged weights, in images")
    add("--from", dest="origin", help="weights to start from, instead of random ones")
    options = parser.parse_args(arguments)
    _check_sizes(parser, options)
    _check_channels(parser, options)
    number = len(options.sizes)
    options.batch = for_each(parser, "batch", options.batch, number)
    options.lr = for_each(parser, "lr", options.lr, number)
    return options


def _check_sizes(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    sizes = options.sizes
    known = [4 << k for k in range(9) if SMALLEST <= 4 << k <= LARGEST]
    doubled = [sizes[0] << k for k in range(len(sizes))]
    if sizes[0] not in known or sizes[-1] not in known or sizes != doubled:
        parser.error(
            f"--sizes {sizes}; give powers of two from {SMALLEST} to {LARGEST}, each twice the one"
            " before"
        )
    ends = [0.0, *options.grow_at, 1.0]
    if len(ends) != len(sizes) + 1 or ends != sorted(ends):
        parser.error(
            f"--grow-at {options.grow_at}; give {len(sizes) - 1} rising shares of the run, one for"
            " the end of each size but the last"
        )
    if options.adversarial and sizes[-1] < PATCH:
        parser.error(
            f"the discriminator sees patches of {PATCH} px, and the last size is {sizes[-1]} px;"
            " give --adversarial 0 or a larger size"
        )


def _check_channels(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """One number for each block up to the last size; the default is cut to it."""
    last = options.sizes[-1]
    needed = last.bit_length() - 2
    channels = options.channels or CHANNELS[:needed]
    if len(channels) != needed:
        parser.error(
            f"--channels has {len(channels)} numbers; {last} px takes {needed}, for 4, 8, …"
            f" {last} px"
        )
    options.channels = list(channels)


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    options = parse(arguments)
    prepare(options.device)
    with told_in_a_line():
        run = Run(options)
    run.train()


if __name__ == "__main__":
    main()
