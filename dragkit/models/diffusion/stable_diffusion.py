"""Stable Diffusion 1, 2 and XL from your own files: ``dk.load(folder, prompt="a lion")``.

The folder is a diffusers pipeline with safetensors; a single file of safetensors will do as well.
Nothing is downloaded, and no pickle is opened.

XL's UNet has three decoder blocks where that of SD 1.5 has four. The last but one of either is
read: it is the first on the latent's own grid, and has 640 channels in both (our choice; in 1.5 it
is DragDiffusion's block 3, in XL block 2). The reference's self-attention begins at layer 44 of
XL's 70, as far along as DragDiffusion's 10 of 16 is, and where MasaCtrl's code for XL begins.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...arguments import shown
from ...numeric import is_whole
from ...records import Size
from ..precision import stored_in
from ..settings import check_settings
from .added import PooledTextAndSize
from .checks import check_size
from .ddim import ddim_schedule
from .encoders import is_xl
from .fitting import cell_of, sides_of
from .memory import check_room
from .model import SETTINGS, Diffusion
from .parts import Parts, parts_of_folder
from .pipeline_folder import pipeline_folder
from .quiet import quiet_libraries
from .single_file import parts_of_file
from .style_lora import StyleLora, read_style_lora

PROMPT = 10_000  # characters; CLIP reads 77 words of it
OWN = ("name", "prompt", "size", "steps", *SETTINGS, "lora", "lora_weight", "config")


def open_stable_diffusion(
    path: Path,
    device: str = "cpu",
    *,
    dtype: torch.dtype = torch.float32,
    name: str = "stable diffusion",
    prompt: str = "",
    size: int | Size | None = None,
    steps: int = 50,
    lora: str | Path | None = None,
    lora_weight: float = 1.0,
    config: str | Path | None = None,
    **settings: Any,
) -> Diffusion:
    """The model in the folder of a diffusers pipeline, or in a single file.

    Args:
        dtype: in what precision the UNet and the autoencoder are stored and computed. A pipeline
            whose autoencoder says that float16 is too narrow for it (`force_upcast`) keeps it in
            float32 then.
        device, name: where to put its networks; its name in messages and saved runs.
        prompt: what the image shows.
        size: (height, width) of the images in pixels, such as (512, 768), or one number for
            square ones; None for the size of the training (SD 1.5: 512, XL: 1024). Both are
            multiples of a latent's cell, which covers 8 px.
        steps: of the schedule from image to noise (DragDiffusion: 50).
        lora, lora_weight: a style LoRA for this base, and how strong it is (1: as trained).
        config: for a single file, a folder with the small files of its pipeline: its tokenizer, if
            there is a prompt, and the configurations, if it is not Stable Diffusion 1 or XL.
        settings: those of :class:`Diffusion`; `feature_block` is 3 for SD 1 and 2, and 2 for XL.

    Raises:
        ValueError: no such pipeline, a damaged part, or a LoRA of another base.
        torch.OutOfMemoryError: there is no room for the weights.
    """
    check_settings(name, settings, OWN)
    _check_prompt(prompt)
    wanted = None if size is None else _checked_size(size)
    if lora is None and lora_weight != 1:
        raise ValueError(
            f"lora_weight is {shown(lora_weight)}, and there is no LoRA; give its file as"
            ' lora="style.safetensors", or leave the weight out'
        )
    style = None if lora is None else read_style_lora(lora, lora_weight)
    notes = {"prompt": prompt} | ({"style": str(style)} if style else {})
    with quiet_libraries(), _parts(path, config, prompt, style) as parts:
        cell = cell_of(parts.settings["vae"])
        images = wanted or _trained_size(parts.settings["unet"]["sample_size"], cell)
        _check_before_opening(parts, name, images, cell, device, dtype)
        told = _encoded(parts, prompt, images, device)
        unet = stored_in(dtype, parts.network("unet"))
        unet = unet.to(device, memory_format=torch.channels_last)
        vae = parts.network("vae")
        narrow = dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
        vae = stored_in(torch.float32 if narrow else dtype, vae).to(device)
        encode, decode = _coders(vae)
        schedule = ddim_schedule(parts.scheduler(), steps, device)

    defaults = {"name": name, "feature_block": len(unet.up_blocks) - 1, "notes": notes}
    defaults["tell"] = partial(_told, path, config, style, device)
    chosen = {**defaults, **told, **settings}
    return Diffusion(unet, schedule, encode, decode, images, cell, **chosen)


def _told(
    path: Path, config: Any, style: StyleLora | None, device: str, prompt: str, size: Size
) -> dict[str, Any]:
    """What the UNet is told of another prompt and size; the text encoders are opened for it."""
    _check_prompt(prompt)
    with quiet_libraries(), _parts(path, config, prompt, style) as parts:
        return _encoded(parts, prompt, size, device)


def _trained_size(cells: int | list[int], cell: int) -> Size:
    """(height, width) in pixels of the images that a UNet was trained with."""
    height, width = sides_of(cells)
    return height * cell, width * cell


def _parts(
    path: Path, config: Any, prompt: str, lora: StyleLora | None
) -> AbstractContextManager[Parts]:
    if path.is_file():
        return parts_of_file(path, config, prompt, lora)
    if config is not None:
        raise ValueError(
            f"config is {config!r:.200}, but {path} is a folder, which has its own; leave config"
            " out, or give a single file"
        )
    return parts_of_folder(pipeline_folder(path), lora)


def _check_before_opening(
    parts: Parts, name: str, size: Size, cell: int, device: str, dtype: torch.dtype
) -> None:
    """See that the size and the LoRA fit the networks, and that there is room for them."""
    networks = parts.without_weights
    check_size(size, cell)
    if parts.lora:
        parts.lora.check(networks)
    resident = [*networks["unet"].parameters(), *networks["vae"].parameters()]
    kind = "Stable Diffusion XL" if is_xl(parts.settings["unet"]) else "Stable Diffusion 1 or 2"
    numbers = sum(weight.numel() for weight in resident)
    check_room(name, kind, numbers, size, cell, device, dtype)


def _encoded(parts: Parts, prompt: str, size: Size, device: str) -> dict[str, Any]:
    """What the UNet is told besides noise and time."""
    text, pooled = parts.encode(prompt)
    if pooled is None:
        return {"text": text.to(device)}
    return {"text": text.to(device), "added": PooledTextAndSize(pooled.to(device), size)}


def _coders(vae: Any) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Image (b 3 H W) in 0..1 → latent (b c h w), and back."""

    def encode(image: Tensor) -> Tensor:
        code = vae.encode((2 * image - 1).to(vae.dtype)).latent_dist.mode()
        return code.float() * vae.config.scaling_factor

    def decode(latent: Tensor) -> Tensor:
        decoded = vae.decode((latent / vae.config.scaling_factor).to(vae.dtype)).sample
        return decoded.float().add(1).div(2).clamp(0, 1)

    return encode, decode


def _check_prompt(prompt: Any) -> None:
    if not isinstance(prompt, str):
        raise ValueError(f"prompt is {prompt!r}; give a text, such as prompt='a lion'")
    if len(prompt) > PROMPT:
        raise ValueError(f"prompt has {len(prompt):,} characters; give at most {PROMPT:,}")


def _checked_size(size: Any) -> Size:
    """(height, width) of a pair, or of one number for both."""
    sides = list(size) if isinstance(size, tuple | list | torch.Size) else [size, size]
    if len(sides) != 2 or not all(is_whole(side, 1) for side in sides):
        raise ValueError(
            f"size is {shown(size)}; give the side of the images in pixels, such as size=512, or"
            " (height, width), such as size=(512, 768)"
        )
    return int(sides[0]), int(sides[1])
