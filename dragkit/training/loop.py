"""What the three trainings share: their options, their state, and a loop that saves regularly."""

from __future__ import annotations

import os
import platform
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm.auto import tqdm

from ..atomic import write_file


class Training(Protocol):
    """What a training counts."""

    images: int  # seen so far
    seconds: float  # spent so far, without saving


def train_until(
    training: Training,
    until: int,
    step: Callable[[], Mapping[str, float]],
    save: Callable[[], None],
    name: str,
    save_seconds: float,
) -> None:
    """Take steps until `until` images are seen; save every `save_seconds`, and when it ends.

    Args:
        training: its `images` is advanced by `step`; its `seconds` is advanced here.
        until: images seen in all, also by earlier calls.
        step: learns from one batch and returns what the bar shows.
        save: writes everything that is needed to continue.
        name: of the bar.
        save_seconds: between two saves; an interrupt saves, too.
    """
    saved = last = time.monotonic()
    bar = tqdm(total=until, initial=training.images, desc=name, unit="image")
    try:
        while training.images < until:
            before = training.images
            losses = step()
            now = time.monotonic()
            training.seconds += now - last
            last = now
            bar.update(training.images - before)
            bar.set_postfix({k: f"{v:.4f}" for k, v in losses.items()}, refresh=False)
            if now - saved > save_seconds:
                save()
                saved = last = time.monotonic()
    finally:
        save()
        bar.close()


def common_options(name: str, out: str, batch: int, lr: float) -> ArgumentParser:
    """A command line with the options that every training has, and their defaults."""
    parser = ArgumentParser(f"python -m dragkit.training.{name}")
    add = parser.add_argument
    add("--out", type=Path, default=Path(out), help="folder of the run, continued if it exists")
    add("--images", type=int, default=24_000, help="how many lions to render")
    add("--batch", type=int, default=batch, help="images in a step")
    add("--lr", type=float, default=lr, help="learning rate")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


def settings_of(options: Namespace) -> dict[str, Any]:
    """The options that change what is learned, for the card."""
    elsewhere = ("out", "device", "workers")
    return {name: value for name, value in vars(options).items() if name not in elsewhere}


def state_of(training: Any, parts: Sequence[str]) -> dict[str, Any]:
    """What is needed to continue: the states of the `parts`, and the counts."""
    state: dict[str, Any] = {name: getattr(training, name).state_dict() for name in parts}
    counts = {"images": training.images, "seconds": training.seconds}
    return state | counts | {"history": training.history}


def restore_state(training: Any, parts: Sequence[str], state: Mapping[str, Any]) -> None:
    """Continue from what :func:`state_of` returned."""
    for name in parts:
        getattr(training, name).load_state_dict(state[name])
    training.images = state["images"]
    training.seconds = state["seconds"]
    training.history = state["history"]


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write what :func:`state_of` returned, to be read by `torch.load`."""
    out = BytesIO()
    torch.save(state, out)
    write_file(path, out.getvalue())


def machine(device: str) -> str:
    """The machine in words, for a card."""
    return f"{device}, {os.cpu_count()} cores, {platform.machine()}"
