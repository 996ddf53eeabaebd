"""What a model is, and what it may be able to do besides.

These are protocols: a model of your own needs the members of `Model` and nothing else. Whatever
else it can do, it says by having the members of another protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..arguments import shown
from ..numeric import is_whole
from ..records import Size, View
from .inversion import Inversion

MEMBERS = ("name", "size", "device", "sample", "view", "finish")  # of a `Model`


@runtime_checkable
class Named(Protocol):
    """Anything with a name for messages."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


def check_model(model: Any) -> None:
    """Raise TypeError unless `model` has the members of `Model`."""
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}; pass an instance of it")
    missing = [name for name in MEMBERS if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"model is {shown(model)}, which has no {', '.join(missing)}; give a model, such as"
            ' dragkit.load("lion")'
        )
    size = model.size
    is_pair = isinstance(size, tuple | list) and len(size) == 2
    if not (is_pair and all(is_whole(side, 1) for side in size)):
        raise TypeError(
            f"the size of the model is {shown(size)}; it must be (height, width) in pixels"
        )


class Model(Protocol):
    """What can be dragged: a generator of images."""

    @property
    def name(self) -> str:
        """What it is called in messages and saved runs."""
        ...

    @property
    def size(self) -> Size:
        """(height, width) of the images in pixels."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        ...

    def sample(self, seed: int) -> Tensor:
        """A latent; the same for the same seed."""
        ...

    def view(self, latent: Tensor) -> View:
        """Features, differentiable in the latent; the image is made only when asked for."""
        ...

    def finish(self, latent: Tensor) -> Tensor:
        """The final image (3 H W) in 0..1."""
        ...


@runtime_checkable
class Restorable(Protocol):
    """A model with settings that its latents depend on, such as a diffusion model's strength."""

    def restore(self, latent: Tensor, metadata: Mapping[str, Any]) -> Model:
        """This model as it was when a run began at `latent`.

        Raises:
            ValueError: the run was made with other settings, which `metadata` names.
        """
        ...


@runtime_checkable
class BlockReader(Protocol):
    """A network that can read another of its blocks."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def feature_block(self) -> Any:
        """The block that is read."""
        ...

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks that there are."""
        ...

    def with_block(self, block: Any, /) -> Model:
        """The same network with another block to be read.

        Raises:
            ValueError: there is no such block.
        """
        ...


@runtime_checkable
class Invertible(Protocol):
    """A model that can find the latent of an image."""

    @property
    def inversion_settings(self) -> Mapping[str, Any]:
        """The settings of :meth:`iter_inversion` and their defaults.

        If "steps" is among them, the inversion is a search of that many iterations; otherwise it
        is a single pass.
        """
        ...

    def iter_inversion(self, target: Tensor, **settings: Any) -> Iterator[Inversion]:
        """The best latent so far of the image `target` (3 H W) in 0..1, after each iteration."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A model whose weights can be fitted to an image around its latent."""

    def iter_tuning(self, found: Inversion, **settings: Any) -> Iterator[Inversion]:
        """The best copy of the model so far, after each iteration."""
        ...


class LoraLearner(Protocol):
    """A LoRA that is being learned for one model and one image."""

    @property
    def steps(self) -> int:
        """How many steps it has learned."""
        ...

    def step(self) -> float:
        """Learn from one batch; returns its loss."""
        ...

    def model(self) -> Model:
        """A copy of the model, corrected by what was learned so far."""
        ...

    def save(self, path: Path) -> None:
        """Write it to a file."""
        ...

    def load(self, path: Path) -> None:
        """Continue from a file that :meth:`save` wrote."""
        ...


@runtime_checkable
class Adaptable(Protocol):
    """A model that can learn one image by a LoRA."""

    def lora(self, target: Tensor, rank: int, lr: float, batch: int) -> LoraLearner:
        """A LoRA for the image `target` (3 H W) in 0..1, which has not learned anything yet."""
        ...
