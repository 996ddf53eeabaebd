"""Stable Diffusion 1 and 2, from a folder that you have:
``dk.load("folder/of/stable-diffusion-v1-5", prompt="a lion")``.

The folder is a diffusers pipeline with safetensors. Nothing is downloaded, and no pickle is
opened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..settings import check_settings, is_whole
from .ddim import ddim_schedule
from .model import SETTINGS, Diffusion

NEEDED = {  # part of the pipeline → its files
    "unet": ("config.json", "diffusion_pytorch_model.safetensors"),
    "vae": ("config.json", "diffusion_pytorch_model.safetensors"),
    "text_encoder": ("config.json", "model.safetensors"),
    # or tokenizer.json alone, as transformers 5 writes it
    "tokenizer": ("vocab.json", "merges.txt"),
    "scheduler": ("scheduler_config.json",),
}
# which dragkit knows not
MORE = (
    "addition_embed_type",
    "class_embed_type",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
    "center_input_sample",
)
CONVERT = (
    "diffusers.StableDiffusionPipeline.from_pretrained(folder,"
    " local_files_only=True).save_pretrained(new_folder, safe_serialization=True)"
)


def open_stable_diffusion(
    folder: Path,
    device: str = "cpu",
    *,
    name: str = "stable diffusion",
    prompt: str = "",
    size: int | None = None,
    steps: int = 50,
    **settings: Any,
) -> Diffusion:
    """The model in a diffusers folder.

    Args:
        prompt: what the image shows; the empty one will do.
        size: side of the images in px; None for what the network was trained with (512 for SD
            1.5).
        steps: of the road from image to noise (DragDiffusion: 50).
        settings: those of :class:`Diffusion`; `feature_block` is 3 here, as DragDiffusion has it.

    Raises:
        ValueError: the folder is no such pipeline, or a part of it is damaged; what is missing is
            named.
    """
    check_settings(name, settings, ("name", "prompt", "size", "steps", *SETTINGS))
    if not isinstance(prompt, str):
        raise ValueError(f"prompt is {prompt!r}; give a text, such as prompt='a lion'")
    if size is not None and not is_whole(size, 1):
        raise ValueError(
            f"size is {size!r}; give the side of the images in pixels, such as size=512"
        )
    _check(folder)
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    unet = _part(UNet2DConditionModel, folder / "unet")
    vae = _part(AutoencoderKL, folder / "vae").to(device).eval().requires_grad_(False)
    # else in the precision of the file
    words = _part(CLIPTextModel, folder / "text_encoder").float()
    tokens = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    cell = 2 ** (len(vae.config.block_out_channels) - 1)
    side = unet.config.sample_size * cell if size is None else size
    ids = tokens(
        ["", prompt],
        padding="max_length",
        max_length=words.config.max_position_embeddings,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    with torch.no_grad():
        text = words(ids)[0].to(device)

    def encode(image: Tensor) -> Tensor:
        return vae.encode(2 * image - 1).latent_dist.mode() * vae.config.scaling_factor

    def decode(latent: Tensor) -> Tensor:
        return vae.decode(latent / vae.config.scaling_factor).sample.add(1).div(2).clamp(0, 1)

    unet = unet.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    settings = {"feature_block": 3, "notes": {"prompt": prompt}} | settings
    return Diffusion(
        unet,
        ddim_schedule(scheduler, steps, device),
        encode,
        decode,
        (side, side),
        cell,
        name,
        text,
        **settings,
    )


def _part(kind: Any, folder: Path) -> Any:
    """One network of the pipeline, every weight of it from the file."""
    try:
        network, info = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} does not hold a whole {kind.__name__}; fetch this part of the pipeline"
            f" again ({error})"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ValueError(
            f"{folder} does not hold a whole {kind.__name__}: {len(missing)} weights are missing,"
            f" such as {missing[0]}; fetch this part of the pipeline again"
        )
    return network


def _check(folder: Path) -> None:
    """Everything that can be told of a folder before seconds are spent on it."""
    if not (folder / "model_index.json").is_file():
        raise ValueError(
            f"{folder} is no diffusers pipeline: it has no model_index.json; give the folder that"
            " holds unet/, vae/, text_encoder/ …"
        )
    missing = [
        f"{part}/{name}"
        for part, names in NEEDED.items()
        for name in names
        if not (folder / part / name).is_file()
    ]
    if (folder / "tokenizer" / "tokenizer.json").is_file():
        missing = [name for name in missing if not name.startswith("tokenizer/")]
    pickled = [
        name
        for name in missing
        if name.endswith(".safetensors") and any((folder / name).parent.glob("*.bin"))
    ]
    if pickled:
        raise ValueError(
            f"{folder} holds its weights as pickles (.bin), which dragkit does not open:"
            f" {', '.join(pickled)} missing. Convert it once: {CONVERT}"
        )
    if half := [
        name for name in missing if (folder / name).with_suffix(".fp16.safetensors").is_file()
    ]:
        raise ValueError(
            f"{folder} holds its weights in half precision alone: {', '.join(half)} missing. They"
            " will do: copy each .fp16.safetensors to that name"
        )
    if missing:
        raise ValueError(f"{folder} is not a whole pipeline; missing: {', '.join(missing)}")
    for part in NEEDED:
        for path in (folder / part).glob("*.json"):
            _json(path)
    for name in (
        f"{part}/{name}"
        for part, names in NEEDED.items()
        for name in names
        if name.endswith(".safetensors")
    ):
        _whole(folder / name)
    config = _json(folder / "unet" / "config.json")
    kind = config.get("_class_name")
    more = [name for name in MORE if config.get(name)] + (
        ["in_channels"] if config.get("in_channels") != 4 else []
    )
    if kind != "UNet2DConditionModel" or more:
        raise ValueError(
            f"{folder}: its UNet is a {kind} with other inputs than noise, time and text"
            f" ({', '.join(more) or 'its kind'}); dragkit knows Stable Diffusion 1 and 2, not XL"
            " or later, no inpainting"
        )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no JSON ({error}); fetch this file of the pipeline again"
        ) from error


def _whole(path: Path) -> None:
    """Raise ValueError where a file of weights is cut short; only its beginning is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt"):
            pass
    except SafetensorError as error:
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is damaged or cut short ({error}); fetch this"
            " file of the pipeline again"
        ) from error
