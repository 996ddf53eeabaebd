"""The loop that the three trainings share: a progress bar, and a save every few minutes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm.auto import tqdm


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


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a state so that an interrupt leaves the old one or the new one, never a part."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def machine(device: str) -> str:
    """The machine in words, for a card."""
    return f"{device}, {os.cpu_count()} cores, {platform.machine()}"
