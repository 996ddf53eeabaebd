r"""Style LoRAs of others: a file of corrections, merged into the networks of its base.

.. math:: W' = W + w\, \frac{α}{r}\, B A

with A (r, c) and B (c', r) from the file, its α (r if it has none) and a weight w of your choice.
Of a convolution the kernel is part of A (Hu et al. 2022; kohya's and diffusers' trainers). A LoRA
that learns one image is something else: :mod:`dragkit.models.diffusion.lora`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...arguments import shown
from ...file_signs import check_no_stand_in
from ...numeric import is_real
from ...reading import is_file, is_folder, parse_json
from ..safetensors_header import Header, read_header
from .file_kinds import base_of, kind_of
from .lora_names import PEFT, layers_of, place_of
from .weights import check_dtypes, check_weights_size

HEAVIEST = 10.0  # a weight of 1 is what was trained
MERGE_PEFT = (
    "merge it into its base once: pipeline.unet = peft.PeftModel.from_pretrained(pipeline.unet,"
    " folder).merge_and_unload(), then pipeline.save_pretrained(new_folder)"
)
SETTINGS = "lora_adapter_metadata"  # where diffusers notes α


@dataclass(frozen=True)
class StyleLora:
    """A LoRA's file; nothing but its header is read until it is merged.

    Attributes:
        path: of the file.
        weight: w, how strong it is; 1 is what was trained.
        words: how many numbers the words of its base have; None if it corrects no layer that reads
            words.
        names: for each part of the pipeline and layer, the names of its tensors by their role.
        shapes: of the tensors, by their names.
        alphas: α of each part of the pipeline where it is a note in the file, and not a tensor.
    """

    path: Path
    weight: float
    words: int | None
    names: Mapping[str, Mapping[str, Mapping[str, str]]] = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)
    alphas: Mapping[str, float] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.path.name}, weight {self.weight:g}"

    def check(self, networks: Mapping[str, nn.Module]) -> None:
        """Raise ValueError if it does not fit these networks, which need no memory for weights.

        The message has both widths, that of the LoRA and that of the network.
        """
        self._check_base(networks["unet"])
        for part, layers in self.names.items():
            if part not in networks:
                raise ValueError(
                    f"{self.path} also corrects {part}, a part that this pipeline does not have;"
                    " a second text encoder means that its base is Stable Diffusion XL"
                )
            known = layers_of(networks[part])
            for name, tensors in layers.items():
                self._check_layer(part, name, tensors, known.get(name))

    def merge(self, part: str, network: nn.Module) -> None:
        """Correct the weights of a part of the pipeline in place.

        Raises:
            ValueError: the file is damaged, or makes weights that are not finite.
        """
        from safetensors import SafetensorError, safe_open

        layers = layers_of(network)
        try:
            with torch.no_grad(), safe_open(self.path, "pt") as file:
                for name, tensors in self.names.get(part, {}).items():
                    weight: Any = layers[name].weight
                    correction = self._correction(part, tensors, file)
                    weight += correction.view_as(weight).to(weight)
                    if not weight.isfinite().all():
                        raise ValueError(
                            f"its layer {name[:100]} of {part} is not finite with lora_weight"
                            f" {self.weight:g}"
                        )
        except (SafetensorError, ValueError) as error:
            raise ValueError(f"{self.path} is a LoRA that is damaged: {error}") from error

    def _correction(self, part: str, tensors: Mapping[str, str], file: Any) -> Tensor:
        """w α/r BA, as a matrix."""
        down = file.get_tensor(tensors["down"]).float().flatten(1)
        up = file.get_tensor(tensors["up"]).float().flatten(1)
        alpha = self.alphas.get(part, len(down))
        if "alpha" in tensors:
            alpha = file.get_tensor(tensors["alpha"]).float().item()
        return self.weight * alpha / len(down) * (up @ down)

    def _check_base(self, unet: Any) -> None:
        words = unet.config.cross_attention_dim
        if self.words not in (None, words):
            raise ValueError(
                f"{self.path} is a LoRA of {base_of(self.words)}: its words have {self.words}"
                f" numbers, and this pipeline's have {words} ({base_of(words)}); load the base"
                " that it was trained for, or take a LoRA of this one"
            )

    def _check_layer(
        self, part: str, name: str, tensors: Mapping[str, str], layer: nn.Module | None
    ) -> None:
        if layer is None:
            raise ValueError(
                f"{self.path} corrects {name[:100]!r} of {part}, which this pipeline does not"
                " have; load the base that it was trained for"
            )
        if not {"down", "up"} <= tensors.keys():
            missing = " and ".join({"down", "up"} - tensors.keys())
            raise ValueError(f"{self.path}: of {name[:100]!r} the matrix {missing} is missing")
        weight: Any = layer.weight
        out, takes = weight.flatten(1).shape
        down, up = (_as_matrix(self.shapes[tensors[role]]) for role in ("down", "up"))
        if down[1] != takes or up[0] != out or down[0] != up[1] or not down[0]:
            raise ValueError(
                f"{self.path} corrects {name[:100]!r} of {part} by {up} times {down} numbers, but"
                f" that layer has {(out, takes)}; load the base that it was trained for"
            )
        if "alpha" in tensors and prod(self.shapes[tensors["alpha"]]) != 1:
            raise ValueError(f"{self.path}: the alpha of {name[:100]!r} is not one number")


def read_style_lora(path: Any, weight: Any) -> StyleLora:
    """A LoRA's file, by its header.

    Raises:
        ValueError: there is no such file, or it is something else, which the message names; or the
            weight is no number from -10 to 10.
    """
    if not is_real(weight) or abs(weight) > HEAVIEST:
        raise ValueError(
            f"lora_weight is {shown(weight)}; give a number from {-HEAVIEST:g} to {HEAVIEST:g},"
            " such as 0.8; 1 is what was trained"
        )
    path, header = _header(path)
    kind = kind_of(header)
    if kind is None or kind.door != "lora":
        says = "no LoRA of a diffusion model" if kind is None else kind.says
        way_out = MERGE_PEFT if PEFT in says else "lora= takes a style LoRA, as trainers save it"
        raise ValueError(f"{path} is {says}; {way_out}")
    check_dtypes(path, header)
    names = _grouped(path, header)
    alphas = _alphas(path, header, names)
    return StyleLora(path, float(weight), kind.words, names, header.shapes, alphas)


def _header(path: Any) -> tuple[Path, Header]:
    path = _file(path)
    check_weights_size([path])
    check_no_stand_in(path)
    try:
        return path, read_header(path)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read as a LoRA: {error}; give a whole file of safetensors"
        ) from error


def _file(path: Any) -> Path:
    if isinstance(path, str | Path):
        found = Path(path).expanduser()
        if is_file(found):
            return found
        if is_folder(found):
            inside = sorted(file.name for file in found.glob("*.safetensors"))
            raise ValueError(
                f"lora is the folder {found}; give one file in it:"
                f" {', '.join(inside[:4]) or 'it has none of safetensors'}"
            )
    raise ValueError(
        f"lora is {shown(path)}, which is no file; give the path of a LoRA in safetensors"
    )


def _grouped(path: Path, header: Header) -> dict[str, dict[str, dict[str, str]]]:
    """The names of the tensors, by part, layer and role."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name in header.shapes:
        place = place_of(name)
        if place is None:
            raise ValueError(
                f"{path} has a tensor {name[:100]!r}, which is no part of a LoRA that dragkit"
                " knows"
            )
        roles = found.setdefault(place.part, {}).setdefault(place.layer, {})
        if place.role in roles:
            raise ValueError(
                f"{path} has two tensors for one place, {roles[place.role][:100]!r} and"
                f" {name[:100]!r}"
            )
        roles[place.role] = name
    return found


def _alphas(path: Path, header: Header, parts: Iterable[str]) -> dict[str, float]:
    """α of each part, where diffusers notes the settings of its trainer as text.

    A pipeline writes them as ``unet.lora_alpha``; a network that saves its LoRA itself, as
    ``lora_alpha``.
    """
    noted = header.metadata.get(SETTINGS)
    if noted is None:
        return {}
    try:
        settings = parse_json(str(noted).encode())
    except ValueError as error:
        raise ValueError(f"{path}: its {SETTINGS} is not JSON ({error})") from error

    alphas: dict[str, float] = {}
    for name, value in settings.items() if isinstance(settings, dict) else ():
        part, _, setting = name.rpartition(".")
        if setting in ("alpha_pattern", "use_rslora", "use_dora") and value:
            raise ValueError(
                f"{path} is a LoRA with {shown(name)} = {shown(value)}, which dragkit does not"
                " read; merge it with diffusers' fuse_lora, and save the pipeline"
            )
        if setting == "lora_alpha" and is_real(value):
            alphas |= dict.fromkeys([part] if part else parts, float(value))
    return alphas


def _as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    if not shape:
        return 0, 0
    return shape[0], prod(shape[1:])
