r"""Train the bundled landmark network: ``python -m dragkit.training.landmarks``.

It learns from renders, half of them uniform in all factors, half truncated like those of the
generator, each with its exact landmarks t. Images are blurred, brightened and made noisy at
random, because generated ones are softer than renders. With p the softmax of a score map and c its
cells,

    L = mean ‖Σ p_c c - t‖ + 0.1 · mean Σ p_c ‖c - t‖   over the landmarks that are not covered;

the second term keeps a map in one spot. The run writes ``state.pt`` (to continue from), the
weights and their card, named after its folder, with the error on renders of each size and on the
images of each of `--models`.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from torch import Tensor

from ..atomic import write_file
from ..models import load
from ..models.gan.model import StyleGAN2
from ..tasks.landmarks import (
    LARGEST,
    SIZE,
    LandmarkNetwork,
    cells,
    channels_last,
    open_landmarks,
    save_landmarks,
    shrunk,
)
from ..worlds.world import WORLDS, World
from .landmark_data import Labelled, augment
from .landmark_errors import errors
from .loop import (
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
    common_options,
    count,
    length_of,
    settings_of,
    single,
    told_in_a_line,
    weights_file,
)
from .stream import drawn

NETWORKS = ("network", "optimizer")
SAME = ("world", "seed")  # all through a run


def loss(scores: Tensor, points: Tensor) -> Tensor:
    """L of the score maps (b k h w) against the true points (b k 2), NaN where covered."""
    seen = ~points[..., 0].isnan()
    truth = points.nan_to_num()
    p = scores.flatten(2).softmax(-1)
    centres = cells(*scores.shape[-2:]).to(scores)
    off = (p @ centres - truth).norm(dim=-1)
    spread = (p * (truth[:, :, None] - centres).norm(dim=-1)).sum(-1)
    return ((off + 0.1 * spread) * seen).sum() / seen.sum()


class Trainer:
    """Everything a run owns: `step` learns from one batch, `state` returns it all."""

    def __init__(self, world: World, device: str) -> None:
        self.network = channels_last(LandmarkNetwork(world.landmarks).to(device))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), weight_decay=1e-3, fused=device.startswith("cuda")
        )
        self.steps = 0
        self.images = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []

    def step(self, images: Tensor, points: Tensor, lr: float) -> dict[str, Tensor]:
        """Learn from images (b 3 h w) in 0..1 and their true points (b k 2); returns L."""
        torch.manual_seed(self.steps)  # a resumed run draws what an unbroken one would have
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        error = loss(self.network.scores(augment(shrunk(images))), points)
        self.optimizer.zero_grad()
        error.backward()
        self.optimizer.step()
        self.steps += 1
        self.images += len(images)
        return {"loss": error}

    def state(self) -> dict[str, Any]:
        """Everything that is needed to continue."""
        return state_of(self, NETWORKS)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        restore_state(self, NETWORKS, state)


def train(trainer: Trainer, options: argparse.Namespace) -> None:
    """Train to the end of the run, saving regularly and at the end."""
    trainer.network.train()
    length = length_of(options)
    source = Labelled(WORLDS[options.world], options.batch, options.seed)
    batches = drawn(source, options.sizes, options.device, trainer.steps, options.workers)

    def step() -> dict[str, Tensor]:
        images, points = next(batches)
        return trainer.step(images, points, options.lr * rate(length.done(trainer)))

    def save(losses: dict[str, float]) -> None:
        if losses:
            trainer.history.append({"images": trainer.images, **losses})
        same = {name: getattr(options, name) for name in SAME}
        save_state(trainer.state() | same, options.out / "state.pt")

    train_until(1, trainer, length, step, save, "landmarks")


def publish(trainer: Trainer, models: list[StyleGAN2], options: argparse.Namespace) -> None:
    """Write the weights, and their card with the errors, which it prints."""
    path = weights_file(options.out)
    save_landmarks(trainer.network, path)
    stored = open_landmarks(path, options.device)  # in half precision
    error = errors(stored, WORLDS[options.world], models, options)
    text = json.dumps(card(trainer, error, options), indent=1)
    write_file(path.with_suffix(".json"), text + "\n")
    for kind in ("renders", "generated"):
        for name, found in error[kind].items():
            if name != "of":
                every = found["all"]
                print(f"{kind}, {name}: {every['mean']} px off, 90 % within {every['p90']} px")


def card(trainer: Trainer, error: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """How the network was made, and its errors."""
    return {
        "model": "landmark network (convolutions, a score map for each landmark, soft-argmax)",
        "world": options.world,
        "names": list(trainer.network.names),
        "resolution": SIZE,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "data": (
            f"an endless stream of renders of dragkit's own procedural {options.world}, each seen"
            " once, half of them uniform, half truncated"
        ),
        "settings": settings_of(options),
        **facts(trainer, options.device),
        "error": error,
    }


def parse(arguments: list[str] | None) -> tuple[argparse.Namespace, list[StyleGAN2]]:
    """The settings of the command line, and the models to measure the error on."""
    parser = common_options("landmarks", "runs/landmarks", batch=32, lr=3e-3, until=64_000)
    add = parser.add_argument
    add("--sizes", type=count, nargs="+", default=[128, 256], help="image sides, in turn")
    add("--held-out", type=count, default=2_000, help="renders of each size to measure it on")
    add("--models", nargs="*", default=[], help="generators to measure it on, names or files")
    add("--generated", type=count, default=500, help="seeds of each of them")
    options = parser.parse_args(arguments)
    single(parser, options, "batch", "lr")
    for size in options.sizes:
        if size not in range(SIZE, LARGEST + 1, SIZE):
            parser.error(f"--sizes {size}; give multiples of {SIZE} up to {LARGEST}")
    return options, [_opened(parser, options, name) for name in options.models]


def _opened(parser: argparse.ArgumentParser, options: argparse.Namespace, name: str) -> StyleGAN2:
    """A generator that paints the world, of a size that the network reads."""
    try:
        model = load(name, options.device)
    except (ValueError, OSError) as error:
        parser.error(f"--models {name}: {error}")
    factors = len(WORLDS[options.world].factors)
    if not isinstance(model, StyleGAN2) or model.generator.mapping.z_dim != factors:
        parser.error(
            f"--models {name} is no generator of the {options.world} with its {factors} factors"
        )
    if model.size[0] not in range(SIZE, LARGEST + 1, SIZE):
        parser.error(
            f"--models {name} paints {model.size[0]} px; {SIZE} px and multiples are read"
        )
    return model


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    options, models = parse(arguments)
    prepare(options.device)
    torch.manual_seed(0)
    trainer = Trainer(WORLDS[options.world], options.device)
    same = {name: getattr(options, name) for name in SAME}
    with told_in_a_line():
        state = saved_state(options.out / "state.pt", options.device, same)
    if state:
        trainer.restore(state)
    train(trainer, options)
    publish(trainer, models, options)


if __name__ == "__main__":
    main()
