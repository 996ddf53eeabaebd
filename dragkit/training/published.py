"""A generator's weights as they are published, and a run that starts from published ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..models import zoo
from ..models.gan.network import Generator
from .trainer import MAPPING_LAYERS, Trainer

W_SCALE = 1 / 8  # of the published w: see `published`


def published(generator: Generator, scale: float = W_SCALE) -> dict[str, Tensor]:
    """The state dict with w multiplied by `scale`, and the layers that read it divided by it.

    That changes no image. It changes how far an Adam step of the published size (1e-3) takes a
    drag: w's unit is a convention, and this generator's is large.

    The numbers are in half precision, which halves the file and moves the images by 0.03 grey
    levels on average (lion-256, 8 seeds; at most by 4, at a few edges). They are read into single
    precision.
    """
    weights = generator.state_dict()
    state = {name: value.detach().cpu() for name, value in weights.items()}
    scaled = rescaled(state, scale)
    return {name: value.half().contiguous() for name, value in scaled.items()}


def rescaled(state: dict[str, Tensor], scale: float) -> dict[str, Tensor]:
    """A state dict with w multiplied by `scale`; 1 / scale takes it back."""
    last = f"mapping.fc{MAPPING_LAYERS - 1}"
    makes_w = (f"{last}.weight", f"{last}.bias", "mapping.w_avg")
    scaled = {}
    for name, value in state.items():
        if name in makes_w:
            value = value * scale
        elif name.endswith("affine.weight"):
            value = value / scale
        scaled[name] = value
    return scaled


@dataclass(frozen=True)
class Origin:
    """Published weights that a run starts from, and their card."""

    path: Path
    state: dict[str, Tensor]
    card: dict[str, Any]

    def give_to(self, trainer: Trainer) -> None:
        """Make them the weights of G and of its average.

        Raises:
            ValueError: they are those of another generator.
        """
        state = rescaled(self.state, 1 / self.card.get("w_scale", W_SCALE))
        try:
            trainer.g.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(
                f"{self.path} does not fit a generator of {trainer.size} px with these --channels"
                " and --world; give those that it was trained with"
            ) from error
        trainer.ema.load_state_dict(state)

    def told(self) -> dict[str, Any]:
        """What the card of the run says of it."""
        known = ("images_seen", "minutes", "machine", "from")
        own = {name: self.card[name] for name in known if name in self.card}
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"file": self.path.name, "sha256": digest, **own}


def read_origin(path: str) -> Origin:
    """The weights in a file.

    Raises:
        ValueError: it holds none.
    """
    file = Path(path)
    try:
        state = {name: value.float() for name, value in load_file(file).items()}
        return Origin(file, state, zoo.card(file))
    except (OSError, SafetensorError, ValueError) as error:
        raise ValueError(
            f"--from {path}; give a file of safetensors that a run wrote ({error})"
        ) from error
