"""Models that can be dragged, and `load`, which builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..records import Size, View
from . import checkpoint, zoo
from .checkpoint.convert import convert as convert
from .checkpoint.convert import save as save
from .pixel_unet import open_diffusion
from .stable_diffusion import open_stable_diffusion
from .stylegan2 import from_state_dict
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
    """Build a model: a bundled one such as "lion", "lion-diffusion" or "toy", a public one such as "lions-512", a checkpoint of a StyleGAN2,
    or a folder with Stable Diffusion.

    A checkpoint is NVIDIA's pickle (PyTorch or TensorFlow), a torch file with NVIDIA's or rosinality's names, or safetensors; which of
    them is told by its content. Nothing in a file is run (:mod:`dragkit.models.checkpoint`).

    Args:
        name_or_path: a bundled model, one of ``dragkit.models.zoo.public()`` whose file you have, or the path of a file; a card
            (.json) beside it is read too: its "feature_block", "rows" and other settings. Or the folder of a diffusers pipeline
            (Stable Diffusion 1 or 2) with safetensors.
        device: "cuda", "mps", "cpu", or "auto" for the first of these that is there.
        settings: passed on to the model. Of a generator: ``feature_block=64`` or ``(32, 64)``, what is read; ``rows=4``, how many rows of w+
            move; ``space="w"``; ``truncation=0.5``; they go before the card's. Of a diffusion model: ``strength=0.7``, ``steps=50``,
            ``feature_block=2`` and others (:class:`dragkit.models.diffusion.Diffusion`); of Stable Diffusion also ``prompt="a lion"``
            and ``size=512``. Of the toy: ``lookalike=1.0`` and others.

    Raises:
        ValueError: an unknown name (the known ones are listed), or one of a network that paints no pictures.
        CheckpointError: a ValueError, too: a file that is damaged, dangerous or no StyleGAN2.
        FileNotFoundError: a bundled file is gone, or a public one is not here; the message says where to get it.
    """
    if str(name_or_path) == "toy":
        return Toy(**settings)
    path, name = _find(name_or_path)
    return _open(path, name, _device(device), settings)


def _find(name_or_path: str | Path) -> tuple[Path, str]:
    """The file that is meant, and the model's name."""
    path, name, known = Path(name_or_path).expanduser(), str(name_or_path), zoo.index()
    if kind := known.get(name, {}).get("kind"):
        raise ValueError(f"{name!r} {zoo.NO_GENERATOR[kind]}; to drag there are: {_generators()}")
    if name in known:
        return zoo.bundled(name), name
    if path.is_file():
        return path, path.stem
    if name and path.is_dir():
        return path, path.resolve().name
    if entry := zoo.listed(path.name):
        return zoo.find(entry), entry["name"]
    raise ValueError(
        f"unknown model {name!r}: no such file, and the bundled models are: {_generators()}; "
        "dragkit.models.zoo.public() lists public ones, whose files you bring"
    )


def _generators() -> str:
    return ", ".join(sorted([*(name for name, entry in zoo.index().items() if "kind" not in entry), "toy"]))


def _open(path: Path, name: str, device: str, settings: dict) -> Model:
    if path.is_dir() or zoo.index().get(name, {}).get("network") == "diffusion":
        opened = open_stable_diffusion if path.is_dir() else open_diffusion
        try:
            return opened(path, device, **{"name": name} | settings)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f'{name!r} is a diffusion model and needs the package {error.name!r}: pip install "dragkit[diffusion]"') from error
    state, clamp = checkpoint.generator(checkpoint.read(path))
    card = zoo.card(path)
    chosen = {key: card[key] for key in zoo.SETTINGS if key in card}
    return from_state_dict(state, clamp=clamp, device=device, **{"name": name} | chosen | settings)


def _device(device: str) -> str:
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
