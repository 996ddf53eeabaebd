"""The configurations of a Stable Diffusion 1, 2 or XL, checked by a closed list of rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...reading import read_json
from .fitting import check_kind
from .rules import (
    Rule,
    apply,
    check_defaults,
    each,
    one_of,
    one_or_each,
    one_or_pair,
    or_none,
    real,
    whole,
)

CONFIG = 1 << 20  # bytes of a configuration; the largest has two thousand
CHANNELS = whole(1, 4096)  # Stable Diffusion has 1280
LAYERS = whole(1, 4)  # it has 2
TRANSFORMERS = whole(1, 16)  # XL has up to 10 one after the other
EPSILON = real(1e-12, 1e-2)
YES_OR_NO = one_of(True, False)

UNET: Mapping[str, Rule] = {
    "sample_size": one_or_pair(whole(1, 1024)),
    "block_out_channels": each(CHANNELS),
    "layers_per_block": one_or_each(LAYERS),
    "attention_head_dim": one_or_each(CHANNELS),
    "cross_attention_dim": CHANNELS,
    "norm_num_groups": CHANNELS,
    "norm_eps": EPSILON,
    "transformer_layers_per_block": one_or_each(TRANSFORMERS),
    "down_block_types": each(one_of("CrossAttnDownBlock2D", "DownBlock2D")),
    "up_block_types": each(one_of("CrossAttnUpBlock2D", "UpBlock2D")),
    "use_linear_projection": YES_OR_NO,
    "upcast_attention": or_none(YES_OR_NO),
    "dropout": real(0, 1),
    "addition_embed_type": one_of(None, "text_time"),
    "addition_time_embed_dim": or_none(CHANNELS),
    "projection_class_embeddings_input_dim": or_none(whole(1, 1 << 15)),
}
VAE: Mapping[str, Rule] = {
    "block_out_channels": each(CHANNELS),
    "layers_per_block": LAYERS,
    "norm_num_groups": CHANNELS,
    "down_block_types": each(one_of("DownEncoderBlock2D")),
    "up_block_types": each(one_of("UpDecoderBlock2D")),
    "sample_size": one_or_pair(whole(1, 4096)),
    "latent_channels": whole(1, 128),
    "scaling_factor": real(1e-3, 1e3),
    "force_upcast": YES_OR_NO,
}
TEXT_ENCODER: Mapping[str, Rule] = {
    "vocab_size": whole(1, 1 << 20),
    "hidden_size": CHANNELS,
    "intermediate_size": whole(1, 1 << 14),
    "num_hidden_layers": whole(1, 64),
    "num_attention_heads": whole(1, 256),
    "max_position_embeddings": whole(2, 1024),
    "projection_dim": CHANNELS,
    "hidden_act": one_of("quick_gelu", "gelu"),
    "layer_norm_eps": EPSILON,
    "pad_token_id": whole(0, 1 << 20),
    "bos_token_id": whole(0, 1 << 20),
    "eos_token_id": whole(0, 1 << 20),
}
# what a text encoder's configuration can ask the library for, and may not
EXTRAS: Mapping[str, Rule] = {
    "_attn_implementation": one_of(None, "eager", "sdpa"),
    "attn_implementation": one_of(None, "eager", "sdpa"),
    "quantization_config": one_of(None),
    "auto_map": one_of(None),
}
SCHEDULER: Mapping[str, Rule] = {
    "num_train_timesteps": whole(2, 10_000),
    "beta_start": real(1e-9, 0.5),
    "beta_end": real(1e-9, 0.999),
    "beta_schedule": one_of("linear", "scaled_linear", "squaredcos_cap_v2"),
    "set_alpha_to_one": YES_OR_NO,
    "steps_offset": whole(0, 100),
    "prediction_type": one_of("epsilon", "v_prediction"),
    "timestep_spacing": one_of("leading", "trailing", "linspace"),
    "rescale_betas_zero_snr": YES_OR_NO,
    "clip_sample": YES_OR_NO,
    "trained_betas": one_of(None),
}


def unet_settings(path: Path) -> dict[str, Any]:
    """The checked settings of the UNet."""
    from diffusers import UNet2DConditionModel

    config = read_config(path)
    apply(EXTRAS, config, path)
    check_defaults(UNet2DConditionModel, UNET, config, path)
    return needed(("sample_size",), apply(UNET, config, path), path)


def vae_settings(path: Path) -> dict[str, Any]:
    """The checked settings of the autoencoder."""
    from diffusers import AutoencoderKL

    config = read_config(path)
    check_kind("vae", config, path)
    apply(EXTRAS, config, path)
    check_defaults(AutoencoderKL, VAE, config, path)
    return needed(("block_out_channels",), apply(VAE, config, path), path)


def text_encoder_settings(path: Path) -> dict[str, Any]:
    """The checked settings of the text encoder."""
    config = read_config(path)
    check_kind(path.parent.name, config, path)
    apply(EXTRAS, config, path)
    return needed(("vocab_size", "hidden_size"), apply(TEXT_ENCODER, config, path), path)


def scheduler_settings(path: Path) -> dict[str, Any]:
    """The checked settings of the scheduler."""
    config = read_config(path)
    check_kind("scheduler", config, path)
    names = ("num_train_timesteps", "beta_schedule", "beta_start", "beta_end")
    return needed(names, apply(SCHEDULER, config, path), path)


def needed(names: tuple[str, ...], settings: dict[str, Any], path: Path) -> dict[str, Any]:
    """The settings, if those that nobody can guess are there."""
    for name in names:
        if name not in settings:
            raise ValueError(f"{path}: {name} is missing; fetch this file of the pipeline again")
    return settings


def read_config(path: Path) -> dict[str, Any]:
    """The object in a configuration file."""
    config = read_part(path, CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f"{path} is not a JSON object; fetch this file of the pipeline again")
    return config


def read_part(path: Path, limit: int) -> Any:
    """What a JSON file of the pipeline holds."""
    try:
        return read_json(path, limit)
    except ValueError as error:
        raise ValueError(f"{error}; fetch this file of the pipeline again") from error
