"""Models that can be dragged, and `load`, which builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..records import Size, View
from . import zoo
from .diffusion.pixel_unet import open_diffusion
from .diffusion.stable_diffusion import open_stable_diffusion
from .gan import checkpoint
from .gan.checkpoint.convert import convert as convert
from .gan.checkpoint.convert import save as save
from .gan.model import from_state_dict
from .settings import check_settings
from .toy import Toy

CONVERT = "diffusers.StableDiffusionPipeline.from_single_file(file).save_pretrained(folder)"


class Model(Protocol):
    """What a generator must offer to be dragged."""

    name: str
    size: Size  # (height, width) of the images
    device: torch.device

    def sample(self, seed: int) -> Tensor:
        """A latent; the same for the same seed."""

    def view(self, latent: Tensor) -> View:
        """Features, differentiable in the latent; the image only when asked for."""

    def finish(self, latent: Tensor) -> Tensor:
        """The final image (3 H W) in 0..1."""


def load(name_or_path: str | Path, device: str = "auto", **settings) -> Model:
    """Build a model: a bundled one such as "lion", "lion-diffusion" or "toy", a public one such as
    "lions-512", a checkpoint of a StyleGAN2, or a folder with Stable Diffusion.

    A checkpoint is NVIDIA's pickle (PyTorch or TensorFlow), a torch file with NVIDIA's or
    rosinality's names, or safetensors; which of them is told by its content. Nothing in a file is
    run (:mod:`dragkit.models.gan.checkpoint`).

    Args:
        name_or_path: a bundled model, one of ``dragkit.models.zoo.public()`` whose file you have,
            or the path of a file; a card (.json) beside it is read too: its "feature_block",
            "rows" and other settings. Or the folder of a diffusers pipeline (Stable Diffusion 1 or
            2) with safetensors.
        device: "cuda", "mps", "cpu", or "auto" for the first of these that is there.
        settings: passed on to the model. Of a generator: ``feature_block=64`` or ``(32, 64)``,
            what is read; ``rows=4``, how many rows of w+ move; ``space="w"``; ``truncation=0.5``;
            they go before the card's. Of a diffusion model: ``strength=0.7``, ``steps=50``,
            ``feature_block=2`` and others (:class:`dragkit.models.diffusion.model.Diffusion`); of Stable
            Diffusion also ``prompt="a lion"`` and ``size=512``. Of the toy: ``lookalike=1.0`` and
            others.

    Raises:
        ValueError: an unknown name or setting (the known ones are listed), or the name of a
            network that paints no images.
        CheckpointError: a ValueError, too: a file that is damaged, dangerous or no StyleGAN2.
        FileNotFoundError: a bundled file is gone, or a public one is not here; the message says
            where to get it.
    """
    if str(name_or_path) == "toy":
        check_settings("toy", settings, Toy.__dataclass_fields__)
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
        f"unknown model {name!r}: no such file or folder, and the bundled models are:"
        f" {_generators()}; dragkit.models.zoo.public() lists public ones, whose files you bring."
        " Nothing is downloaded"
    )


def _generators() -> str:
    return ", ".join(
        sorted([*(name for name, entry in zoo.index().items() if "kind" not in entry), "toy"])
    )


def _open(path: Path, name: str, device: str, settings: dict) -> Model:
    kind = "pipeline" if path.is_dir() else _kind(path)
    if kind == "single file":
        raise ValueError(
            f"{path} is Stable Diffusion in a single file; make a folder of it, once: {CONVERT}"
            " (diffusers may fetch the small configuration files for it)"
        )
    if kind:
        try:
            return (open_stable_diffusion if kind == "pipeline" else open_diffusion)(
                path, device, **{"name": name} | settings
            )
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{name!r} is a diffusion model and needs the package {error.name!r}: pip install"
                ' "dragkit[diffusion]"'
            ) from error
    check_settings(name, settings, zoo.SETTINGS)
    state, clamp = checkpoint.generator(checkpoint.read(path))
    card = zoo.card(path)
    chosen = {key: card[key] for key in zoo.SETTINGS if key in card}
    return from_state_dict(state, clamp=clamp, device=device, **{"name": name} | chosen | settings)


def _kind(path: Path) -> str:
    """Which diffusion model a file of safetensors holds, by its names; empty for none, and for
    other files.
    """
    try:
        with safe_open(path, "pt") as file:
            names = set(file.keys())
    except (SafetensorError, OSError):
        return ""
    if any(name.startswith("model.diffusion_model.") for name in names):
        return "single file"
    return "pixels" if {"conv_in.weight", "time_embedding.linear_1.weight"} <= names else ""


def _device(device: str) -> str:
    if device != "auto":
        kind = str(device).partition(":")[0]
        if kind not in ("cuda", "mps", "cpu"):
            raise ValueError(f'device is {device!r}; choose "cuda", "mps", "cpu" or "auto"')
        if (
            kind != "cpu"
            and not (torch.cuda if kind == "cuda" else torch.backends.mps).is_available()
        ):
            raise ValueError(
                f"device is {device!r}, which this machine or this build of torch does not have;"
                ' choose "cpu" or "auto"'
            )
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
