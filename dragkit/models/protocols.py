"""What a model is, and what it may be able to do besides.

These are protocols: a model of your own needs the members of `Model` and nothing else. Whatever
else it can do, it says by having the members of another protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..records import Size, View


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
