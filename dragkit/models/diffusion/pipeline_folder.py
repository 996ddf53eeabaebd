"""A diffusers folder, checked before seconds are spent on opening it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..safetensors_header import read_header
from .encoders import FIRST, SECOND, encoders_of, is_xl
from .pipeline_config import read_config
from .weights import check_weights_size

# the files of each kind of part
NETWORK = ("config.json", "diffusion_pytorch_model.safetensors")
ENCODER = ("config.json", "model.safetensors")
TOKENIZER = ("vocab.json", "merges.txt")  # or tokenizer.json alone, as transformers 5 writes it
SCHEDULER = ("scheduler_config.json",)
UNET_CONFIG = "unet/config.json"
# entries of a UNet's configuration for inputs that no Stable Diffusion 1, 2 or XL has
OTHER_INPUTS = (
    "class_embed_type",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
    "center_input_sample",
)
ADAPTER = "adapter_config.json"
HALF_SUFFIX = ".fp16.safetensors"
CONVERT = (
    "diffusers.StableDiffusionPipeline.from_pretrained(folder,"
    " local_files_only=True).save_pretrained(new_folder, safe_serialization=True)"
)


def check_pipeline(folder: Path) -> None:
    """Raise ValueError if the folder is not a complete Stable Diffusion 1, 2 or XL in safetensors.

    The message names what is missing or damaged, and the way out.
    """
    if not (folder / "model_index.json").is_file():
        raise ValueError(
            f"{folder} is not a diffusers pipeline: it has no model_index.json; give the folder"
            " that holds unet/, vae/, text_encoder/ …, or the path of a checkpoint in it"
        )
    needed = _needed_parts(folder)
    files = [f"{part}/{name}" for part, names in needed.items() for name in names]
    _check_complete(folder, files)
    _check_links(folder, needed)
    for name in files:
        if name.endswith(".safetensors"):
            _check_not_cut_short(folder / name)
    _check_unet(folder)


def _needed_parts(folder: Path) -> dict[str, tuple[str, ...]]:
    """The parts that a pipeline with the folder's UNet has, and their files."""
    config = {}
    if (folder / UNET_CONFIG).is_file():
        config = read_config(folder / UNET_CONFIG)
    if is_xl(config) and not (folder / FIRST.part).exists() and (folder / SECOND.part).exists():
        raise ValueError(
            f"{folder} is Stable Diffusion XL's refiner, which only finishes images; give the"
            " folder of the base model"
        )
    needed = {"unet": NETWORK, "vae": NETWORK}
    for encoder in encoders_of(config):
        needed |= {encoder.part: ENCODER, encoder.tokenizer: TOKENIZER}
    return needed | {"scheduler": SCHEDULER}


def _check_complete(folder: Path, files: list[str]) -> None:
    missing = [name for name in files if not _is_there(folder / name)]
    if not missing:
        return

    weights = [name for name in missing if name.endswith(".safetensors")]
    pickled = [name for name in weights if any((folder / name).parent.glob("*.bin"))]
    if pickled:
        raise ValueError(
            f"{folder} holds its weights as pickles (.bin), which dragkit does not open:"
            f" {', '.join(pickled)} missing. Convert it once: {CONVERT}"
        )
    half = [name for name in missing if (folder / name).with_suffix(HALF_SUFFIX).is_file()]
    if half:
        raise ValueError(
            f"{folder} holds its weights in half precision only: {', '.join(half)} missing. They"
            " are good enough: copy each .fp16.safetensors to that name"
        )
    raise ValueError(f"{folder} is not a complete pipeline; missing: {', '.join(missing)}")


def _is_there(path: Path) -> bool:
    in_one_file = path.name in TOKENIZER and path.with_name("tokenizer.json").is_file()
    return in_one_file or path.is_file()


def _check_links(folder: Path, parts: Iterable[str]) -> None:
    """Raise ValueError if a file is a link that leads out of the folder, or an adapter.

    Those of a Hugging Face cache lead from snapshots/… to the files in blobs/ beside it.
    """
    inside = [folder.resolve()]
    if inside[0].parent.name == "snapshots":
        inside.append(inside[0].parents[1] / "blobs")
    for part in parts:
        if (folder / part / ADAPTER).exists():
            raise ValueError(
                f"{folder / part} has an adapter ({ADAPTER}), which dragkit does not read; merge"
                " it into the weights, or move it away"
            )
        for path in (folder / part).iterdir():
            target = path.resolve()
            if not any(target.is_relative_to(place) for place in inside):
                raise ValueError(
                    f"{path} is a link to {target}, outside of {folder}; put the file itself there"
                )


def _check_unet(folder: Path) -> None:
    config = read_config(folder / UNET_CONFIG)
    kind = f"{config.get('_class_name')!s:.60}"
    other = [name for name in OTHER_INPUTS if config.get(name)]
    if config.get("in_channels") != 4:
        other.append("in_channels")
    if kind != "UNet2DConditionModel" or other:
        raise ValueError(
            f"{folder}: its UNet is a {kind} with other inputs than noise, time and text"
            f" ({', '.join(other) or 'its kind'}); dragkit opens Stable Diffusion 1, 2 and XL, but"
            " no later ones, and no inpainting models"
        )


def _check_not_cut_short(path: Path) -> None:
    """Raise ValueError if a file of weights is cut short; only its beginning is read."""
    from safetensors import SafetensorError, safe_open

    check_weights_size(path)
    try:
        read_header(path)
        with safe_open(path, "pt"):
            pass
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is damaged or cut short ({error}); fetch this"
            " file of the pipeline again"
        ) from error
