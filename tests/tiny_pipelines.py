"""Folders with Stable Diffusion's shape and numbers, but few channels and random weights."""

import json
from pathlib import Path

import diffusers
import torch
import transformers

CHANNELS, WORDS = (8, 16, 32, 32), 16  # Stable Diffusion has (320, 640, 1280, 1280) and 768
XL_CHANNELS, XL_WORDS, POOLED, SINES = (8, 16, 32), (16, 24), 12, 4  # (320, 640, 1280), 768 + 1280
NUMBERS = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = "<|startoftext|>", "<|endoftext|>"
VOCABULARY = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "li", "on</w>", *SPECIAL]
MERGES = "#version: 0.2\nl i\no n</w>\n"


def write(path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_sd(path: Path, words: int = WORDS, **unet) -> Path:
    """A pipeline as those of Stable Diffusion 1.5 lie on a disk."""
    torch.manual_seed(0)
    tiny_unet(cross_attention_dim=words, **unet).save_pretrained(path / "unet")
    tiny_vae().save_pretrained(path / "vae")
    transformers.CLIPTextModel(tiny_clip(hidden_size=words)).save_pretrained(path / "text_encoder")
    write_tokenizer(path / "tokenizer")
    write(path / "scheduler" / "scheduler_config.json", NUMBERS)
    write(path / "model_index.json", {"_class_name": "StableDiffusionPipeline"})
    return path


def write_xl(path: Path, **unet) -> Path:
    """A pipeline as Stable Diffusion XL lies on a disk."""
    torch.manual_seed(0)
    tiny_xl_unet(**unet).save_pretrained(path / "unet")
    tiny_vae(scaling_factor=0.13025, force_upcast=True, sample_size=1024).save_pretrained(
        path / "vae"
    )
    first = transformers.CLIPTextModel(tiny_clip(hidden_size=XL_WORDS[0], num_hidden_layers=2))
    second = transformers.CLIPTextModelWithProjection(
        tiny_clip(
            hidden_size=XL_WORDS[1],
            num_hidden_layers=3,
            projection_dim=POOLED,
            hidden_act="gelu",
        )
    )
    first.save_pretrained(path / "text_encoder")
    second.save_pretrained(path / "text_encoder_2")
    write_tokenizer(path / "tokenizer")
    write_tokenizer(path / "tokenizer_2", pad_token="a")  # the word 0, as "!" is in the real one
    numbers = NUMBERS | {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}
    write(path / "scheduler" / "scheduler_config.json", numbers)
    write(path / "model_index.json", {"force_zeros_for_empty_prompt": True} | XL_INDEX)
    return path


XL_INDEX = {
    "_class_name": "StableDiffusionXLPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
}


def tiny_unet(**changes):
    settings = {
        "sample_size": 64,
        "block_out_channels": CHANNELS,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
        "cross_attention_dim": WORDS,
    }
    return diffusers.UNet2DConditionModel(**settings | changes)


def tiny_xl_unet(**changes):
    settings = {
        "sample_size": 128,
        "block_out_channels": XL_CHANNELS,
        "attention_head_dim": (2, 4, 8),
        "norm_num_groups": 4,
        "cross_attention_dim": sum(XL_WORDS),
        "transformer_layers_per_block": (1, 2, 10),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": SINES,
        "projection_class_embeddings_input_dim": 6 * SINES + POOLED,
    }
    return diffusers.UNet2DConditionModel(**settings | changes)


def tiny_vae(**changes):
    settings = {
        "block_out_channels": (4, 4, 4, 4),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "latent_channels": 4,
        "norm_num_groups": 2,
        "sample_size": 512,
    }
    return diffusers.AutoencoderKL(**settings | changes)


def tiny_clip(**changes):
    settings = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": WORDS,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "bos_token_id": len(VOCABULARY) - 2,
        "eos_token_id": len(VOCABULARY) - 1,
    }
    return transformers.CLIPTextConfig(**settings | changes)


def write_tokenizer(folder: Path, **changes) -> None:
    special = dict(
        zip(("bos_token", "eos_token", "pad_token", "unk_token"), SPECIAL + SPECIAL[1:] * 2)
    )
    write(folder / "vocab.json", {word: i for i, word in enumerate(VOCABULARY)})
    (folder / "merges.txt").write_text(MERGES)
    write(
        folder / "tokenizer_config.json",
        {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer", **special, **changes},
    )
