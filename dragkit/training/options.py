"""The command lines of the three trainings: what they share, and what a value must be."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..arguments import option_path
from ..models import available_device
from ..worlds.world import WORLDS
from .loop import Length

MOST_WORKERS = 12
LARGEST = 1024  # px


def common_options(name: str, out: str, batch: int, lr: float, until: int) -> ArgumentParser:
    """A command line with the options that every training has, and their defaults."""
    parser = ArgumentParser(
        f"python -m dragkit.training.{name}", formatter_class=ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--world", choices=WORLDS, default="lion", help="what it learns")
    add(
        "--out",
        type=option_path,
        default=Path(out),
        help="folder of the run, continued if it exists",
    )
    add("--until", type=count, default=until, help="images seen in all")
    add("--minutes", type=amount, help="instead of --until: the length of the run by the clock")
    add("--batch", type=count, nargs="+", default=[batch], help="images in a step")
    add("--lr", type=amount, nargs="+", default=[lr], help="the highest learning rate")
    add("--seed", type=whole, default=0, help="of the stream of images")
    add("--workers", type=whole, default=_free_cores(), help="processes that build scenes")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    add("--device", type=device, default=default, help="that trains and draws")
    return parser


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """For a command line, around what may not fit its options: a ValueError's words end it."""
    try:
        yield
    except ValueError as error:
        sys.exit(str(error))


def single(parser: ArgumentParser, options: Namespace, *names: str) -> None:
    """Make numbers of options that may have several, in a training of one size."""
    for name in names:
        values = getattr(options, name)
        if len(values) > 1:
            parser.error(f"--{name} has {len(values)} numbers; this training takes one")
        setattr(options, name, values[0])


def for_each(parser: ArgumentParser, name: str, values: Sequence[Any], count: int) -> list[Any]:
    """One value of an option for each of `count` sizes; a single one is that of all."""
    if len(values) not in (1, count):
        parser.error(
            f"--{name} has {len(values)} numbers and --sizes {count}; give one for each size, or"
            " one for all"
        )
    return list(values) if len(values) == count else list(values) * count


def weights_file(out: Path) -> Path:
    """Where a run writes its weights: its folder names the model."""
    return out / f"{out.resolve().name}.safetensors"


def length_of(options: Namespace) -> Length:
    """How long the run is."""
    return Length(options.until, options.minutes)


def settings_of(options: Namespace) -> dict[str, Any]:
    """The options that change what is learned, for the card."""
    elsewhere = ["world", "out", "device", "workers", "threads", "models", "origin"]
    elsewhere.append("until" if options.minutes else "minutes")
    return {name: value for name, value in vars(options).items() if name not in elsewhere}


def whole(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r}; give a whole number from 0 on")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1 on; 10_000 is one, too."""
    digits = text.replace("_", "")
    if not digits.isdecimal() or int(digits) < 1:
        raise ArgumentTypeError(f"{text!r}; give a whole number from 1 on")
    return int(digits)


def amount(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r}; give a number above 0")
    return value


def share(text: str) -> float:
    """A number in 0..1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text!r}; give a share of the run, from 0 to 1")
    return value


def weight(text: str) -> float:
    """A finite number from 0 on."""
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r}; give a number from 0 on")
    return value


def device(text: str) -> str:
    """A device that this machine has."""
    try:
        return available_device(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")  # which no range has


def _free_cores() -> int:
    """All but one for the training itself, and one for the rest; at least one."""
    return min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 2))
