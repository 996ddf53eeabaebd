"""Models that can be dragged, and `load`, which builds them.

dragkit/BRING_YOUR_OWN.md has an example for each kind of file.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from .. import arguments
from ..arguments import named_arguments, shown
from ..gradients import gradients
from ..reading import is_file, is_folder
from . import zoo
from .diffusion.file_kinds import FileKind, kind_of
from .diffusion.pixel_unet import open_diffusion
from .diffusion.stable_diffusion import open_stable_diffusion
from .gan import checkpoint
from .gan.checkpoint.convert import convert as convert
from .gan.checkpoint.convert import save as save
from .gan.state_dict import from_state_dict
from .latent import latent as latent
from .precision import available_dtype
from .protocols import Model as Model
from .safetensors_header import Header, read_header
from .settings import check_settings
from .toy import Toy

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
MOST_NAME = 4096  # characters of a path


@named_arguments
@gradients()
def load(
    name_or_path: str | Path,
    device: str = "auto",
    dtype: str | torch.dtype = "float32",
    **settings: Any,
) -> Model:
    """Build a model: a bundled or public one by its name, a checkpoint, or Stable Diffusion.

    A checkpoint is NVIDIA's pickle of a StyleGAN2 (PyTorch or TensorFlow), a torch file with
    NVIDIA's or rosinality's names, or safetensors; its content decides, not its ending. A prefix
    of its names, such as ``module.`` or ``decoder.``, is taken off. No code in a file is ever run
    (:mod:`dragkit.models.gan.checkpoint`).

    Args:
        name_or_path: a bundled model ("lion", "lion-256", "lion-diffusion", "car" or "toy"), one
            of ``dragkit.models.zoo.public()`` whose file you have, or the path of a file. A card
            (.json) beside the file is read too: its "feature_block", "rows" and other settings.
            Or Stable Diffusion 1, 2 or XL: the folder of a diffusers pipeline, or of the hub's
            cache, with safetensors; or a single file of safetensors.
        device: "cuda", "mps", "cpu", or "auto" for the first of these that is available.
        dtype: "float32", or "bfloat16" or "float16" for weights in half precision: half the
            memory, and faster on GPUs; on a CPU only large networks gain, in bfloat16. These may
            also be torch's, such as torch.float16. The latent that is optimised and the scores
            stay in float32. "auto" is bfloat16 on a GPU that has it, else float32
            (:mod:`dragkit.models.precision`).
        settings: passed on to the model. For a generator: ``feature_block=64`` or ``(32, 64)``,
            the features that are read; ``rows=4``, how many rows of w+ move; ``space="w"``;
            ``truncation=0.5``; ``which="G"``, a network of a file that holds several, in place of
            the averaged one. They override the card's. For a diffusion model: ``strength=0.7``,
            ``steps=50``, ``feature_block=2`` and others
            (:class:`dragkit.models.diffusion.model.Diffusion`); for Stable Diffusion also
            ``prompt="a lion"``, ``size=(512, 768)``, ``lora="style.safetensors"`` with
            ``lora_weight=0.8``, and for a single file ``config=folder``
            (:func:`dragkit.models.diffusion.stable_diffusion.open_stable_diffusion`). For the toy:
            ``lookalike=1.0`` and others.

    Raises:
        TypeError: `name_or_path` is neither a name nor a path.
        ValueError: an unknown name or setting (the known ones are listed), a device or precision
            that is not here, or the name of a network that makes no images.
        CheckpointError: a ValueError, too: a file that is damaged, dangerous or not a StyleGAN2.
        FileNotFoundError: a bundled file is missing, or a public one is not here; the message says
            where to get it.
    """
    if not isinstance(name_or_path, str | PathLike):
        raise TypeError(
            f"name_or_path is {shown(name_or_path)}; give the name of a model, such as"
            ' dragkit.load("lion"), or the path of a file'
        )
    device = available_device(device)
    precision = available_dtype(dtype, device)
    if str(name_or_path) == "toy":
        check_settings("toy", settings, Toy.__dataclass_fields__)
        if precision != torch.float32:
            raise ValueError(
                f'dtype is {shown(dtype)}; the toy has no weights, so choose "float32"'
            )
        return Toy(**settings)
    for name, value in settings.items():
        if value is None and name in zoo.SETTINGS:
            raise ValueError(f"{name} is None; leave it out for the default")
    path, name = _find(name_or_path)
    return _open(path, name, device, {"dtype": precision} | settings)


def _find(name_or_path: str | Path) -> tuple[Path, str]:
    """The file that is meant, and the model's name."""
    name = str(name_or_path)
    if len(name) > MOST_NAME or "\0" in name:
        raise ValueError(f"name_or_path is {shown(name)}; no file has such a name")
    arguments.no_address("name_or_path", name_or_path)
    path = arguments.at_home("name_or_path", Path(name_or_path))
    known = zoo.index()
    if kind := known.get(name, {}).get("kind"):
        raise ValueError(f"{name!r} {zoo.NO_GENERATOR[kind]}; models to drag are: {_generators()}")
    if name in known:
        return zoo.bundled(name), name
    if is_file(path):
        return path, path.stem
    if name and is_folder(path):
        return path, path.resolve().name
    if entry := zoo.listed(path.name):
        return zoo.find(entry), entry["name"]
    place = f" {path.absolute()!s:.300}" if name.strip() else " of that name"
    raise ValueError(
        f"unknown model {name!r:.200}: there is no file or folder{place}, and"
        f" the bundled models are: {_generators()}; dragkit.models.zoo.public() lists public ones,"
        f" whose files you bring. Nothing is downloaded{_in_hubs_cache(name)}"
    )


def _in_hubs_cache(name: str) -> str:
    """Where the hub's cache would have what a name like "owner/name" means there."""
    if not HUB_NAME.fullmatch(name):
        return ""
    folder = f"~/.cache/huggingface/hub/models--{name.replace('/', '--')}"
    return f"; if you have {name} in the hub's cache, give its folder: dragkit.load({folder!r})"


def _generators() -> str:
    """The names of the bundled models that can be dragged."""
    names = [name for name, entry in zoo.index().items() if "kind" not in entry]
    return ", ".join(sorted([*names, "toy"]))


def _open(path: Path, name: str, device: str, settings: dict[str, Any]) -> Model:
    kind = _kind(path)
    if kind is None:
        return _open_generator(path, name, device, settings)
    try:
        if kind.door == "pipeline":
            return open_stable_diffusion(path, device, **{"name": name} | settings)
        if kind.door == "pixels":
            return open_diffusion(path, device, **{"name": name} | settings)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{name!r} is a diffusion model and needs the package {error.name!r}: pip"
            ' install "dragkit[diffusion]"'
        ) from error
    way_out = "give a checkpoint, the folder of a pipeline, or a single file of one"
    if kind.door == "lora":
        way_out = f"load its base, and pass the LoRA along: dragkit.load(base, lora='{path}')"
    if kind.door == "inversion":
        way_out = "open it with its model: dragkit.Inversion.load(file)"
    raise ValueError(f"{path} is {kind.says}, which cannot be dragged by itself; {way_out}")


def _open_generator(path: Path, name: str, device: str, settings: dict[str, Any]) -> Model:
    contents = checkpoint.read(path)
    _refuse_pickled_diffusion(path, contents)  # before its settings are called unknown
    check_settings(name, settings, ("dtype", "which", *zoo.SETTINGS))
    state, clamp = checkpoint.generator(contents, settings.pop("which", None))
    card = zoo.card(path)
    from_card = {key: card[key] for key in zoo.SETTINGS if key in card}
    chosen = {"name": name} | from_card | settings
    return from_state_dict(state, clamp=clamp, device=device, **chosen)


def _refuse_pickled_diffusion(path: Path, contents: checkpoint.Contents) -> None:
    """Raise CheckpointError if a pickle holds what dragkit opens from safetensors only."""
    for network in contents.networks.values():
        shapes = {name: tuple(tensor.shape) for name, tensor in network.tensors.items()}
        if kind := kind_of(Header(shapes, {}, {})):
            raise checkpoint.CheckpointError(
                f"{path} is {kind.says}, as a pickle; of such models dragkit opens safetensors"
                " only, so fetch it as .safetensors"
            )


def _kind(path: Path) -> FileKind | None:
    """What a folder, or a file of safetensors of a diffusion model, is; None for other files."""
    if path.is_dir():
        return FileKind("pipeline", "the folder of a pipeline")
    try:
        return kind_of(read_header(path))
    except (ValueError, OSError):
        return None


def available_device(device: str) -> str:
    """`device`, if this machine has it; for "auto", the first of CUDA, MPS and CPU that it has.

    Raises:
        ValueError: there is no such device, or not here.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if isinstance(device, str) and device == "auto":
        return next(kind for kind in available if available[kind])
    kind = arguments.device(device).type
    if kind not in available:
        raise ValueError(f'device is {device!r}; choose "cuda", "mps", "cpu" or "auto"')
    number = arguments.device(device).index or 0
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not available[kind] or number >= count:
        raise ValueError(
            f"device is {str(device)!r}, which this machine or this build of torch does not have;"
            ' choose "cpu" or "auto"'
        )
    return device
