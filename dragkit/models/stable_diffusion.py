"""Stable Diffusion 1 and 2, from a folder that you have: ``dk.load("folder/of/stable-diffusion-v1-5", prompt="a lion")``.

The folder is a diffusers pipeline with safetensors. Nothing is downloaded, and no pickle is opened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .ddim import road
from .diffusion import Diffusion

NEEDED = {  # part of the pipeline → its files
    "unet": ("config.json", "diffusion_pytorch_model.safetensors"),
    "vae": ("config.json", "diffusion_pytorch_model.safetensors"),
    "text_encoder": ("config.json", "model.safetensors"),
    "tokenizer": ("vocab.json", "merges.txt"),  # or tokenizer.json alone, as transformers 5 writes it
    "scheduler": ("scheduler_config.json",),
}
MORE = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "time_cond_proj_dim", "center_input_sample")  # which dragkit knows not
CONVERT = "diffusers.StableDiffusionPipeline.from_pretrained(folder, local_files_only=True).save_pretrained(new_folder, safe_serialization=True)"


def open_stable_diffusion(
    folder: Path, device: str = "cpu", *, prompt: str = "", size: int | None = None, steps: int = 50, **settings: Any
) -> Diffusion:
    """The model in a diffusers folder.

    Args:
        prompt: what the picture shows; the empty one will do.
        size: side of the pictures in px; None for what the network was trained with (512 for SD 1.5).
        steps: of the road from picture to noise (DragDiffusion: 50).
        settings: those of :class:`Diffusion`; `feature_block` is 3 here, as DragDiffusion has it.

    Raises:
        ValueError: the folder is no such pipeline; what is missing is named.
    """
    _check(folder)
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    here = {"local_files_only": True, "use_safetensors": True}
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", **here)
    vae = AutoencoderKL.from_pretrained(folder / "vae", **here).to(device).eval().requires_grad_(False)
    words = CLIPTextModel.from_pretrained(folder / "text_encoder", **here).float()  # else in the precision of the file
    tokens = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    cell = 2 ** (len(vae.config.block_out_channels) - 1)
    side = unet.config.sample_size * cell if size is None else size
    ids = tokens(["", prompt], padding="max_length", max_length=words.config.max_position_embeddings, truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        text = words(ids)[0].to(device)

    def encode(image: Tensor) -> Tensor:
        return vae.encode(2 * image - 1).latent_dist.mode() * vae.config.scaling_factor

    def decode(latent: Tensor) -> Tensor:
        return vae.decode(latent / vae.config.scaling_factor).sample.add(1).div(2).clamp(0, 1)

    unet = unet.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    settings = {"name": folder.name, "feature_block": 3, "notes": {"prompt": prompt}} | settings
    return Diffusion(unet, road(scheduler, steps, device), encode, decode, (side, side), cell, text=text, **settings)


def _check(folder: Path) -> None:
    """Everything that can be told of a folder before seconds are spent on it."""
    if not (folder / "model_index.json").is_file():
        raise ValueError(f"{folder} is no diffusers pipeline: it has no model_index.json; give the folder that holds unet/, vae/, text_encoder/ …")
    missing = [f"{part}/{name}" for part, names in NEEDED.items() for name in names if not (folder / part / name).is_file()]
    if (folder / "tokenizer" / "tokenizer.json").is_file():
        missing = [name for name in missing if not name.startswith("tokenizer/")]
    pickled = [name for name in missing if name.endswith(".safetensors") and any((folder / name).parent.glob("*.bin"))]
    if pickled:
        raise ValueError(f"{folder} holds its weights as pickles (.bin), which dragkit does not open: {', '.join(pickled)} missing. Convert it once: {CONVERT}")
    if missing:
        raise ValueError(f"{folder} is not a whole pipeline; missing: {', '.join(missing)}")
    config = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
    kind = config.get("_class_name")
    more = [name for name in MORE if config.get(name)] + (["in_channels"] if config.get("in_channels") != 4 else [])
    if kind != "UNet2DConditionModel" or more:
        raise ValueError(
            f"{folder}: its UNet is a {kind} with other inputs than noise, time and text ({', '.join(more) or 'its kind'}); dragkit knows "
            "Stable Diffusion 1 and 2, not XL or later, no inpainting"
        )
