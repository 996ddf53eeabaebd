r"""Train the bundled landmark network: ``python -m dragkit.training.landmarks``.

It learns from renders, half of them uniform random lions, half truncated ones like those of the
generator, each with its exact landmarks t. Images are blurred, brightened and made noisy at
random, because generated ones are softer than renders. With p the softmax of a score map and c its
cells,

    L = mean ‖Σ p_c c - t‖ + 0.1 · mean Σ p_c ‖c - t‖   over the landmarks that are not covered;

the second term keeps a map in one spot. The run writes ``state.pt`` (to continue from),
``landmarks.safetensors`` and its card ``landmarks.json`` with the error on renders and on
generated images that it has not seen.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..atomic import write_file
from ..tasks.landmarks import (
    SIZE,
    LandmarkNetwork,
    cells,
    channels_last,
    open_landmarks,
    save_landmarks,
)
from ..worlds.lion import LANDMARKS
from .landmark_data import HELD_OUT, LEARN, Data, augment, prepare
from .landmark_errors import errors
from .loop import common_options, machine, save_state, settings_of, train_until

SAVE_SECONDS = 150

Settings = dict[str, Any]


def loss(scores: Tensor, points: Tensor) -> Tensor:
    """L of the score maps (b k h w) against the true points (b k 2), NaN where covered."""
    seen = ~points[..., 0].isnan()
    p = scores[seen].flatten(1).softmax(-1)
    centres = cells(*scores.shape[-2:]).to(scores)
    off = (p @ centres - points[seen]).norm(dim=-1)
    spread = (p * torch.cdist(points[seen], centres)).sum(-1)
    return off.mean() + 0.1 * spread.mean()


def batch(data: Data, step: int, count: int) -> tuple[Tensor, Tensor]:
    """Batch `step`, always the same one: images (count 3 h w) in 0..1 and their true points."""
    images, points = data
    chosen = np.random.RandomState(step).choice(len(images), count, replace=False)
    return torch.from_numpy(images[chosen]).float() / 255, torch.from_numpy(points[chosen])


def rate(done: float, lr: float) -> float:
    """The learning rate at the fraction `done` of the run: a short rise, then half a cosine."""
    rise = done / 0.03 + 0.01
    fall = (1 + math.cos(math.pi * min(done, 1))) / 2
    return lr * min(rise, fall)


@dataclass
class Run:
    """A network in training: how many images it has seen, and the seconds that took."""

    network: LandmarkNetwork
    optimizer: torch.optim.Optimizer
    images: int = 0
    seconds: float = 0.0

    def step(self, data: Data, settings: Settings) -> float:
        """Learn from the next batch; returns L."""
        device = next(self.network.parameters()).device
        number = self.images // settings["batch"]
        torch.manual_seed(number)  # so that a resumed run draws what an unbroken one would have
        images, points = (t.to(device) for t in batch(data, number, settings["batch"]))
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.images / settings["until"], settings["lr"])
        error = loss(self.network.scores(augment(images)), points)
        self.optimizer.zero_grad()
        error.backward()
        self.optimizer.step()
        self.images += settings["batch"]
        return error.item()

    def save(self, path: Path) -> None:
        """Write everything that is needed to continue."""
        networks = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        save_state(networks | {"images": self.images, "seconds": self.seconds}, path)

    def restore(self, path: Path) -> None:
        """Continue from what `save` wrote."""
        device = next(self.network.parameters()).device
        state = torch.load(path, map_location=device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.images = state["images"]
        self.seconds = state["seconds"]


def train(run: Run, data: Data, path: Path, settings: Settings) -> None:
    """Train until `settings["until"]` images are seen, saving regularly and at the end."""
    run.network.train()

    def step() -> dict[str, float]:
        return {"loss": run.step(data, settings)}

    def save() -> None:
        run.save(path)

    train_until(run, settings["until"], step, save, "landmarks", SAVE_SECONDS)


def card(run: Run, error: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """How the network was made, and its errors."""
    parameters = list(run.network.parameters())
    return {
        "model": "landmark network (convolutions, a score map for each landmark, soft-argmax)",
        "names": list(LANDMARKS),
        "resolution": SIZE,
        "parameters": sum(p.numel() for p in parameters),
        "data": (
            f"{settings['images']} renders of dragkit's own procedural lion, half of them"
            " uniform, half truncated"
        ),
        "licence": "MIT",
        "images_seen": run.images,
        "minutes": round(run.seconds / 60, 1),
        "machine": machine(parameters[0].device.type),
        "torch": torch.__version__,
        "settings": settings,
        "error": error,
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The settings of the command line."""
    parser = common_options("landmarks", "runs/landmarks", batch=32, lr=3e-3)
    add = parser.add_argument
    add("--held-out", type=int, default=2_000, help="how many more to measure the error on")
    add("--generated", type=int, default=500, help="how many generated images to measure it on")
    add("--until", type=int, default=64_000, help="images seen in all")
    options = parser.parse_args(arguments)
    if options.images < options.batch:
        parser.error(f"--images {options.images} is less than a batch of {options.batch}")
    return options


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    options = parse(arguments)
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    settings = settings_of(options)
    held_out = prepare(out, HELD_OUT, options.held_out)
    data = prepare(out, LEARN, options.images)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # denormal numbers are slow on a CPU, and worth nothing

    network = channels_last(LandmarkNetwork(tuple(LANDMARKS)).to(options.device))
    run = Run(network, torch.optim.AdamW(network.parameters(), options.lr, weight_decay=1e-3))
    if (out / "state.pt").exists():
        run.restore(out / "state.pt")
    train(run, data, out / "state.pt", settings)
    save_landmarks(network, out / "landmarks.safetensors")

    stored = open_landmarks(out / "landmarks.safetensors", options.device)  # in half precision
    error = errors(stored, held_out, options.generated)
    text = json.dumps(card(run, error, settings), indent=2)
    write_file(out / "landmarks.json", text + "\n")
    for kind in ("renders", "generated"):
        every = error[kind]["all"]
        print(f"{kind}: {every['mean']} px off in the mean, 90 % within {every['p90']} px")


if __name__ == "__main__":
    main()
