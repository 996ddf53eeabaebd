"""Models that can be dragged, and `load`, which builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..records import Size, View
from . import zoo
from .toy import Toy


class Model(Protocol):
    """What a generator must offer to be dragged."""

    name: str
    size: Size  # (height, width) of the pictures
    device: torch.device

    def sample(self, seed: int) -> Tensor:
        """A latent; the same for the same seed."""

    def view(self, latent: Tensor) -> View:
        """Features, differentiable in the latent; the picture only when asked for."""

    def finish(self, latent: Tensor) -> Tensor:
        """The final picture (3 H W) in 0..1."""


def load(name_or_path: str | Path, device: str = "auto", **settings) -> Model:
    """Build a model by its name, such as "lion" or "toy", or from a safetensors file of a StyleGAN2.

    Args:
        name_or_path: a bundled model, or a file of yours; a card (.json) beside it is read too.
        device: "cuda", "mps", "cpu", or "auto" for the first of these that is there.
        settings: passed on to the model, such as ``space="w"`` or, for the toy, ``lookalike=1.0``.

    Raises:
        ValueError: an unknown name (the known ones are listed), one of a network that paints no pictures, or a file
            that is damaged or no StyleGAN2.
        FileNotFoundError: a bundled file is gone.
    """
    if name_or_path == "toy":
        return Toy(**settings)
    known = zoo.index()
    generators = ", ".join(sorted([*(name for name in known if "kind" not in known[name]), "toy"]))
    kind = known.get(name_or_path, {}).get("kind")
    if kind:
        raise ValueError(f"{name_or_path!r} {zoo.NO_GENERATOR[kind]}; to drag there are: {generators}")
    if name_or_path in known:
        path, name = zoo.bundled(str(name_or_path)), str(name_or_path)
    else:
        path = Path(name_or_path)
        name = path.stem
        if not path.is_file():
            raise ValueError(f"unknown model {str(name_or_path)!r}: no such file, and the bundled models are: {generators}")
    return _open(path, name, _device(device), settings)


def _open(path: Path, name: str, device: str, settings: dict) -> Model:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from .stylegan2 import from_state_dict

    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a complete safetensors file ({error})") from error
    block = zoo.card(path).get("feature_block")
    return from_state_dict(state, device=device, **{"feature_block": block, "name": name} | settings)


def _device(device: str) -> str:
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
