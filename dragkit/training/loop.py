"""What the trainings share: how long a run is, its state, and a loop that saves regularly."""

from __future__ import annotations

import math
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from tqdm.auto import tqdm

from ..atomic import write_file

SAVE_SECONDS = 150
SHOW_EVERY = 20  # steps; to read a loss waits for the GPU
WARM_UP = 0.02  # of the run
LEAST_RATE = 0.01  # of the learning rate, at both ends
COUNTS = ("steps", "images", "seconds", "history")


class Training(Protocol):
    """What a training counts."""

    steps: int  # taken so far: the number of the next batch
    images: int  # seen so far
    seconds: float  # spent so far, saving included
    history: list[dict[str, Any]]  # the losses, an entry for each save


@dataclass(frozen=True)
class Length:
    """How long a run is: until so many images are seen or, if `minutes` is given, by the clock.

    Everything that changes in a run follows from :meth:`done`: the learning rate, the image's
    size, the discriminator.
    """

    images: int
    minutes: float | None = None

    def done(self, training: Training) -> float:
        """The fraction of the run that is done; 1 and more at its end."""
        if self.minutes is None:
            return training.images / self.images
        return training.seconds / (60 * self.minutes)


def rate(done: float) -> float:
    """The learning rate's factor at the fraction `done` of a run: a rise, then half a cosine."""
    rise = done / WARM_UP + LEAST_RATE
    fall = (1 + math.cos(math.pi * min(done, 1))) / 2
    return min(rise, LEAST_RATE + (1 - LEAST_RATE) * fall)


class Losses:
    """Means of losses since the last :meth:`take`; only reading them waits for a GPU."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Count one step's losses."""
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0) + loss.detach()
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """The mean of each loss."""
        return {name: round(float(s) / self._counts[name], 5) for name, s in self._sums.items()}

    def take(self) -> dict[str, float]:
        """The means, and start again."""
        means = self.means()
        self._sums.clear()
        self._counts.clear()
        return means


def train_until(
    end: float,
    training: Training,
    length: Length,
    step: Callable[[], Mapping[str, Tensor]],
    save: Callable[[dict[str, float]], None],
    name: str,
) -> None:
    """Take steps until the fraction `end` of a run is done; save now and then, and at the end.

    Ctrl-C lets the step in hand finish and saves, so an interrupted run continues exactly where it
    was. After an error the last save stands.

    Args:
        end: 1 for the whole run.
        training: `step` advances its counts; its `seconds` is advanced here.
        length: of the whole run.
        step: learns from one batch and returns the losses.
        save: writes everything that is needed to continue, given the mean losses since the last
            save; they are empty if there was no step.
        name: of the bar.

    Raises:
        KeyboardInterrupt: there was a Ctrl-C.
    """
    losses = Losses()
    saved = last = time.monotonic()
    total = None if length.minutes else math.ceil(end * length.images)
    bar = tqdm(total=total, initial=training.images, desc=name, unit="image")
    with bar, held_interrupts() as interrupted:
        while length.done(training) < end and not interrupted.is_set():
            before = training.images
            losses.add(step())
            bar.update(training.images - before)
            if training.steps % SHOW_EVERY == 0:
                shown = {"done": length.done(training)} | losses.means()
                bar.set_postfix({k: f"{v:.4f}" for k, v in shown.items()}, refresh=False)
            if time.monotonic() - saved > SAVE_SECONDS:
                save(losses.take())
                saved = time.monotonic()
            now = time.monotonic()
            training.seconds += now - last
            last = now
        save(losses.take())
    if interrupted.is_set():
        raise KeyboardInterrupt


@contextmanager
def held_interrupts() -> Iterator[threading.Event]:
    """Inside, Ctrl-C only sets the event; outside the main thread nothing changes."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def note(*_: Any) -> None:
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def average(
    mean: nn.Module, now: nn.Module, training: Training, half_life: float, batch: int
) -> None:
    """Let the weights of `mean` follow those of `now`, half of the way in `half_life` images.

    At first it is quicker: a tenth of the images seen, so that the first weights are forgotten.
    """
    keep = 0.5 ** (batch / min(half_life, 1 + training.images / 10))
    follow = get_ema_multi_avg_fn(keep)
    follow(list(mean.parameters()), [p.detach() for p in now.parameters()], 0)


def prepare(device: str) -> None:
    """Settings of torch that make training quick."""
    torch.set_flush_denormal(True)  # denormal numbers are slow on a CPU, and worth nothing
    if device.startswith("cuda"):
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def state_of(training: Any, parts: Sequence[str]) -> dict[str, Any]:
    """What is needed to continue: the states of the `parts`, and the counts."""
    state: dict[str, Any] = {name: getattr(training, name).state_dict() for name in parts}
    return state | {name: getattr(training, name) for name in COUNTS}


def restore_state(training: Any, parts: Sequence[str], state: Mapping[str, Any]) -> None:
    """Continue from what :func:`state_of` returned."""
    for name in parts:
        getattr(training, name).load_state_dict(state[name])
    for name in COUNTS:
        setattr(training, name, state[name])


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a state, to be read by :func:`saved_state`."""
    out = BytesIO()
    torch.save(state, out)
    write_file(path, out.getvalue())


def saved_state(path: Path, device: str, same: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state in a file, or None if there is no such file yet.

    Raises:
        ValueError: what must be the `same` all through a run is another.
    """
    if not path.exists():
        return None
    state = torch.load(path, map_location=device, weights_only=True)
    for name, value in same.items():
        if state.get(name) != value:
            raise ValueError(
                f"the run in {path.parent} has the {name} {state.get(name)}, not {value}; name"
                " another folder with --out, or go on as it began"
            )
    return state


def facts(training: Training, device: str) -> dict[str, Any]:
    """What every card says of the run."""
    return {
        "licence": "MIT",
        "images_seen": training.images,
        "steps": training.steps,
        "minutes": round(training.seconds / 60, 1),
        "machine": machine(device),
        "torch": torch.__version__,
        "history": training.history,
    }


def machine(device: str) -> str:
    """The machine in words, for a card."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return f"{name}, {os.cpu_count()} cores, {platform.machine()}"
