"""Stable Diffusion 1 and 2 from your own folder: ``dk.load(folder, prompt="a lion")``.

The folder is a diffusers pipeline with safetensors. Nothing is downloaded, and no pickle is
opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...arguments import shown
from ...numeric import is_whole
from ...records import Size
from ..settings import check_settings
from .ddim import ddim_schedule
from .model import SETTINGS, Diffusion
from .pipeline_folder import check_pipeline, pipeline_folder
from .staging import staged

PROMPT = 10_000  # characters; CLIP reads 77 words of it


def open_stable_diffusion(
    folder: Path,
    device: str = "cpu",
    *,
    dtype: torch.dtype = torch.float32,
    name: str = "stable diffusion",
    prompt: str = "",
    size: int | Size | None = None,
    steps: int = 50,
    **settings: Any,
) -> Diffusion:
    """The model in the `folder` of a diffusers pipeline.

    Args:
        dtype: in what precision the UNet and the autoencoder are stored and computed. A pipeline
            whose autoencoder says that float16 is too narrow for it (`force_upcast`) keeps it in
            float32 then.
        device, name: where to put its networks; its name in messages and saved runs.
        prompt: what the image shows.
        size: (height, width) of the images in pixels, such as (512, 768), or one number for
            square ones; None for the size of the training (512 for SD 1.5). Both are multiples of
            a latent's cell, which covers 8 px.
        steps: of the schedule from image to noise (DragDiffusion: 50).
        settings: those of :class:`Diffusion`; `feature_block` is 3 here, as in DragDiffusion.

    Raises:
        ValueError: the folder is not such a pipeline, or a part is missing or damaged.
    """
    check_settings(name, settings, ("name", "prompt", "size", "steps", *SETTINGS))
    _check_prompt(prompt)
    wanted = None if size is None else _checked_size(size)
    folder = pipeline_folder(folder)
    weights = check_pipeline(folder)
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    with staged(folder, weights) as clean:
        unet = _part(UNet2DConditionModel, clean / "unet", folder).to(dtype)
        vae = _part(AutoencoderKL, clean / "vae", folder)
        scheduler = DDIMScheduler.from_pretrained(clean / "scheduler", local_files_only=True)
        text = _encoded(clean, prompt, folder).to(device)
    unet = unet.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    narrow = dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
    vae = vae.to(torch.float32 if narrow else dtype)
    encode, decode = _coders(vae.to(device).eval().requires_grad_(False))

    schedule = ddim_schedule(scheduler, steps, device)
    cell = 2 ** (len(vae.config.block_out_channels) - 1)
    images = wanted or _trained_size(unet.config.sample_size, cell)
    defaults: dict[str, Any] = {"feature_block": 3, "notes": {"prompt": prompt}}
    chosen = defaults | settings
    return Diffusion(unet, schedule, encode, decode, images, cell, name, text, **chosen)


def _trained_size(cells: int | Sequence[int], cell: int) -> Size:
    """(height, width) in pixels of the images that a UNet was trained with."""
    if isinstance(cells, int):
        cells = (cells, cells)
    height, width = cells
    return height * cell, width * cell


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


def _encoded(clean: Path, prompt: str, folder: Path) -> Tensor:
    """The empty prompt and `prompt`, as the UNet attends to them (2 tokens c)."""
    from transformers import CLIPTextModel

    encoder = _part(CLIPTextModel, clean / "text_encoder", folder)
    encoder = encoder.float().eval()  # it may be stored in half
    tokenizer = _tokenizer(clean / "tokenizer", folder)
    tokens = tokenizer(
        ["", prompt],
        padding="max_length",
        max_length=encoder.config.max_position_embeddings,
        truncation=True,
        return_tensors="pt",
    )
    known = encoder.config.vocab_size
    if tokens.input_ids.max() >= known:
        raise ValueError(
            f"{folder}: its tokenizer does not fit its text encoder: it makes the number"
            f" {tokens.input_ids.max()}, and the text encoder knows 0 to {known - 1}; these are"
            " parts of two pipelines"
        )
    with torch.no_grad():
        return encoder(tokens.input_ids)[0]


def _tokenizer(clean: Path, folder: Path) -> Any:
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(clean, local_files_only=True)
    # its words come from a file of somebody else's, and can break it in any way
    except Exception as error:
        raise ValueError(
            f"{folder / 'tokenizer'} does not hold a tokenizer; fetch this part of the pipeline"
            f" again ({error!s:.200})"
        ) from error


def _part(kind: Any, clean: Path, pipeline: Path) -> Any:
    """One network, every weight of it from the file; `pipeline` is for messages."""
    folder = pipeline / clean.name
    try:
        network, info = kind.from_pretrained(
            clean, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    # a file of somebody else's can break the libraries in any way
    except Exception as error:
        raise ValueError(
            f"{folder} does not hold a complete {kind.__name__}; fetch this part of the pipeline"
            f" again ({error!s:.500})"
        ) from error

    missing = sorted(info["missing_keys"])
    if missing:
        raise ValueError(
            f"{folder} does not hold a complete {kind.__name__}: {len(missing)} weights are"
            f" missing, such as {missing[0]}; fetch this part of the pipeline again"
        )
    return network
