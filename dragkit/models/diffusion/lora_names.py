"""The names in a style LoRA's file: which layer of which network each of its tensors corrects.

A LoRA has two matrices for a layer, and often a number beside them. Each trainer writes the
layer's path in its own way:

    kohya       lora_unet_mid_block_attentions_0_proj_in.lora_down.weight  (lora_up, alpha)
    diffusers   unet.mid_block.attentions.0.proj_in.lora_A.weight          (lora_B)
    older ones  mid_block.….attn1.processor.to_q_lora.down.weight          (up)

So a path is compared without its dots, which all of these have in common. Files for XL may use the
names of its original code (``input_blocks_4_1_…``), which :func:`layers_of` knows, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn

PARTS = {  # how a name begins → the part of the pipeline; the first that fits
    "lora_unet_": "unet",
    "lora_te1_": "text_encoder",
    "lora_te2_": "text_encoder_2",
    "lora_te_": "text_encoder",
    "unet.": "unet",
    "text_encoder_2.": "text_encoder_2",
    "text_encoder.": "text_encoder",
}
BARE = ("down_blocks.", "mid_block.", "up_blocks.")  # the UNet's, in files of old
ENDING = re.compile(r"(?:[._]lora[._]|\.lora_linear_layer\.)(down|up|A|B)(?:\.default)?\.weight$")
ALPHA = ".alpha"
ROLES = {"down": "down", "A": "down", "up": "up", "B": "up"}
PEFT = "LoRA as peft saves it, with its alpha in adapter_config.json"
# in a name → another way to correct a network, which is no LoRA
UNSUPPORTED = {
    r"\.hada_": "LoHa (LyCORIS)",
    r"\.lokr_": "LoKr (LyCORIS)",
    r"\.oft_": "OFT",
    r"\.diff(_b)?$": "difference of whole weights (LyCORIS)",
    r"\.lora_mid\.": "LoRA with a third matrix (LyCORIS)",
    r"dora_scale|lora_magnitude_vector": "DoRA",
    r"^base_model\.model\.": PEFT,
}
# the layers of a block, in diffusers → in XL's original code
BLOCK = {
    "conv1": "in_layers_2",
    "conv2": "out_layers_3",
    "time_emb_proj": "emb_layers_1",
    "conv_shortcut": "skip_connection",
}
MIDDLE = {
    "mid_block.resnets.0": "middle_block_0",
    "mid_block.attentions.0": "middle_block_1",
    "mid_block.resnets.1": "middle_block_2",
}
# the layers outside of blocks: in diffusers → in the original code
OUTSIDE = {
    "conv_in": "input_blocks_0_0",
    "conv_out": "out_2",
    "time_embedding.linear_1": "time_embed_0",
    "time_embedding.linear_2": "time_embed_2",
    "add_embedding.linear_1": "label_emb_0_0",
    "add_embedding.linear_2": "label_emb_0_2",
}
# of the text encoders' attention in old files → in transformers
ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}


class Place(NamedTuple):
    """What a tensor of a LoRA is for: a layer's path without dots, and "down", "up" or "alpha"."""

    part: str
    layer: str
    role: str


def is_lora(name: str) -> bool:
    """Whether a tensor with this name is part of a LoRA, or of something like it."""
    return bool(ENDING.search(name)) or other_way(name) is not None


def other_way(name: str) -> str | None:
    """What a tensor belongs to that corrects a network in another way than a LoRA does."""
    for pattern, way in UNSUPPORTED.items():
        if re.search(pattern, name):
            return way
    return None


def place_of(name: str) -> Place | None:
    """What the tensor with this name is for; None if it is for nothing that we know."""
    if name.endswith(ALPHA):
        layer, role = name.removesuffix(ALPHA), "alpha"
    elif found := ENDING.search(name):
        layer, role = name[: found.start()], ROLES[found[1]]
    else:
        return None
    for beginning, part in PARTS.items():
        if layer.startswith(beginning):
            return Place(part, _plain(layer.removeprefix(beginning)), role)
    if layer.startswith(BARE):
        return Place("unet", _plain(layer), role)
    return None


def words_of_lora(shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """How many numbers the words have that a LoRA's layers read; None if none reads any."""
    for name, shape in shapes.items():
        place = place_of(name)
        if place is None or len(shape) < 2:
            continue
        reads_words = place.layer.endswith(("attn2_to_k", "attn2_to_v"))
        if place.part == "unet" and place.role == "down" and reads_words:
            return shape[1]
    return None


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """A network's linear and convolutional layers by every name without dots that files use."""
    original = dict(_original_blocks(network))
    layers: dict[str, nn.Module] = {}
    for path, layer in network.named_modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        plain = _plain(path)
        layers[plain] = layer
        for other in (*_older(plain), *_original(path, original)):
            layers.setdefault(other, layer)
    return layers


def _plain(path: str) -> str:
    return path.replace(".processor", "").replace(".", "_").removeprefix("text_model_")


def _older(plain: str) -> Iterator[str]:
    """The names that diffusers had before."""
    if plain.endswith("_to_out_0"):
        yield plain.removesuffix("_0")
    for now, then in ATTENTION.items():
        if plain.endswith(f"_self_attn_{now}"):
            yield plain.removesuffix(now) + then


def _original(path: str, blocks: Mapping[str, str]) -> Iterator[str]:
    """The name of a UNet's layer in the original code."""
    if path in blocks:
        yield blocks[path]
    for block, original in blocks.items():
        if path.startswith(block + "."):
            inside = _plain(path.removeprefix(block + "."))
            yield f"{original}_{BLOCK.get(inside, inside)}"


def _original_blocks(unet: Any) -> Iterator[tuple[str, str]]:
    """The path of each block of a UNet, and its name in the original code, which counts on."""
    if not hasattr(unet, "up_blocks"):
        return
    yield from OUTSIDE.items()
    yield from MIDDLE.items()
    number = 1
    for i, block in enumerate(unet.down_blocks):
        for j in range(len(block.resnets)):
            yield f"down_blocks.{i}.resnets.{j}", f"input_blocks_{number}_0"
            yield f"down_blocks.{i}.attentions.{j}", f"input_blocks_{number}_1"
            number += 1
        yield f"down_blocks.{i}.downsamplers.0.conv", f"input_blocks_{number}_0_op"
        number += 1

    number = 0
    for i, block in enumerate(unet.up_blocks):
        for j in range(len(block.resnets)):
            yield f"up_blocks.{i}.resnets.{j}", f"output_blocks_{number}_0"
            yield f"up_blocks.{i}.attentions.{j}", f"output_blocks_{number}_1"
            number += 1
        place = 2 if hasattr(block, "attentions") else 1
        yield f"up_blocks.{i}.upsamplers.0", f"output_blocks_{number - 1}_{place}"
