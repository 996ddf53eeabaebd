"""What a file of safetensors holds, told by the names in its header; nothing else of it is read.

People bring single files, LoRAs and parts of pipelines, all with the same ending. Here each gets a
name, so that a file at the wrong door is told where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ..safetensors_header import Header
from .lora_names import is_lora, other_way, words_of_lora

UNET = "model.diffusion_model."  # before the UNet's names in a single file
FIRST_CONVOLUTION = UNET + "input_blocks.0.0.weight"
FIRST_WORDS = "attn2.to_k.weight"  # how a layer ends that reads words
BASES = {  # how many numbers a word has → which Stable Diffusion that is
    768: "Stable Diffusion 1",
    1024: "Stable Diffusion 2",
    1280: "Stable Diffusion XL's refiner",
    2048: "Stable Diffusion XL",
}
IDENTITY = {"network", "image", "rank"}  # what dragkit notes in a LoRA of one image
INVERSION = "dragkit inversion"  # in the header of an inversion that dragkit saved
# parts that are published alone, and a beginning of a name that each of them has
ALONE = {
    "a ControlNet": ("control_model.", "controlnet_cond_embedding."),
    "a text encoder alone": ("text_model.", "embeddings.token_embedding."),
    "an autoencoder (VAE) alone": ("decoder.up_blocks.", "decoder.up.", "first_stage_model."),
    "a textual inversion, words for a text encoder": ("emb_params", "string_to_param", "clip_l"),
    "a diffusion transformer alone": ("double_blocks.", "joint_blocks.", "transformer_blocks."),
}

OTHER_SINGLE_FILE = (
    "a single file without a UNet of Stable Diffusion 1, 2 or XL: a later kind, or a part of one"
)
TRANSFORMERS = ("lora_transformer_", "double_blocks", "joint_blocks", "transformer.single_")

Door = Literal["pipeline", "lora", "pixels", "inversion", "closed"]


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        door: who opens it, or "closed" if dragkit does not.
        says: what it is, in words that fit behind "is".
        words: how many numbers the words have that its layers read, if it has such layers.
    """

    door: Door
    says: str
    words: int | None = None


def kind_of(header: Header) -> FileKind | None:
    """What a file is, by its header; None for what is no file of a diffusion model."""
    names = header.shapes.keys()
    if INVERSION in header.metadata:
        return FileKind("inversion", "an inversion that dragkit saved")
    if any(name.startswith(UNET) for name in names):
        return _single_file(header)
    if header.metadata.keys() >= IDENTITY and any(map(is_lora, names)):
        return FileKind("closed", "a LoRA of one image that dk.lora(model, image, file=…) saved")
    if any(map(is_lora, names)):
        return _lora(header)
    if {"conv_in.weight", "time_embedding.linear_1.weight"} <= names:
        return _unet(header)
    for says, beginnings in ALONE.items():
        if any(name.startswith(beginnings) for name in names):
            return FileKind("closed", says)
    return None


def base_of(words: int | None) -> str:
    """Which Stable Diffusion reads words of so many numbers."""
    if words is None:
        return "a network without words"
    return BASES.get(words, f"a network whose words have {words} numbers")


def _single_file(header: Header) -> FileKind:
    names = header.shapes.keys()
    words = _words(header)
    says = f"{base_of(words)} in a single file"
    first = header.shapes.get(FIRST_CONVOLUTION, ())
    if len(first) != 4:
        return FileKind("closed", OTHER_SINGLE_FILE, words)
    if first[1] != 4:
        return FileKind("closed", f"{says}, for inpainting or with other inputs", words)
    for part, beginnings in {
        "autoencoder (VAE)": ("first_stage_model.",),
        "text encoder": ("cond_stage_model.", "conditioner."),
    }.items():
        if not any(name.startswith(beginnings) for name in names):
            return FileKind("closed", f"{says}, but without its {part}", words)
    if words == 1280:
        return FileKind("closed", says, words)
    return FileKind("pipeline", says, words)


def _lora(header: Header) -> FileKind:
    words = words_of_lora(header.shapes)
    for name in header.shapes:
        if way := other_way(name):
            base = "" if words is None else f" of {base_of(words)}"
            return FileKind("closed", f"a {way}{base}", words)
        if any(mark in name for mark in TRANSFORMERS):
            return FileKind("closed", "a LoRA of a diffusion transformer, such as Flux or SD 3")
    if words is None:
        return FileKind("lora", "a LoRA that does not tell its base")
    return FileKind("lora", f"a LoRA of {base_of(words)}", words)


def _unet(header: Header) -> FileKind:
    words = _words(header)
    if words is None:
        return FileKind("pixels", "a diffusion model on pixels")
    return FileKind("closed", f"the UNet of {base_of(words)} alone", words)


def _words(header: Header) -> int | None:
    found: Iterable[tuple[int, ...]] = (
        shape for name, shape in header.shapes.items() if name.endswith(FIRST_WORDS)
    )
    return next((shape[1] for shape in found if len(shape) == 2), None)
