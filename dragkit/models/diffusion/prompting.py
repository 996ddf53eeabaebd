"""The same diffusion model for another prompt, and for images of another size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...records import Size
from .checks import check_size

if TYPE_CHECKING:
    from .model import Diffusion


def prompted(model: Diffusion, prompt: str, size: Size) -> Diffusion:
    """The model for `prompt` and images of `size` (height, width).

    Its weights are the same, and it has no reference, which belonged to another image.

    Raises:
        ValueError: the network takes no text, or makes no images of this size.
    """
    if model.tell is None:
        raise ValueError(
            f"{model.name} takes no prompt and makes images of one size; give a pipeline of Stable"
            " Diffusion"
        )
    check_size(size, model.cell)
    notes = {name: note for name, note in model.notes.items() if name != "inversion_psnr"}
    told = model.tell(prompt, size)
    return replace(model, size=size, reference=None, notes={**notes, "prompt": prompt}, **told)
