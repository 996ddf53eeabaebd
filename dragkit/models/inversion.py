"""What an inversion finds: the latent of an image, and the model that it belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from .protocols import Model


@dataclass(frozen=True, eq=False)
class Inversion:
    """The best latent so far, and the model that makes its image.

    Drag it with ``dk.drag(found.model, found.latent, …)``.

    Attributes:
        model: the given one after a search, a copy with weights of its own after tuning, and for a
            diffusion model one with the latent as its reference.
        latent: (num_ws w_dim) of a StyleGAN2, (c h w) of a diffusion model.
        target: (3 H W) in 0..1, the image that was inverted.
        psnr: of :attr:`image`, in dB; NaN if it was not measured.
        losses, psnrs: one number for each iteration of each stage, "search" and "tuning"; empty
            for DDIM inversion, which does not iterate.
        method: how the latent was found, where there are no iterations to count.
    """

    model: Model
    latent: Tensor
    target: Tensor
    psnr: float = math.nan
    losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    psnrs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    method: str = "not begun"

    @cached_property
    def image(self) -> Tensor:
        """The image (3 H W) of the latent, in 0..1."""
        return self.model.finish(self.latent)

    @property
    def quality(self) -> str:
        """The PSNR in words."""
        if math.isnan(self.psnr):
            return "PSNR not measured"
        return f"{self.psnr:.1f} dB"

    def save(self, path: str | Path) -> Path:
        """Write it to a file, in one step; returns the path, which ends in .safetensors.

        With it go the image, the curves, what the model is called and what tells its weights from
        others (its fingerprint). The weights themselves go along only if they were tuned.

        Raises:
            ValueError: the path ends in something else.
            FileExistsError: a file is there that is no inversion.
            OSError: it cannot be written; what was there is still there.
        """
        from .inversion_files import write_inversion  # it knows the models, which know this record

        return write_inversion(self, path)

    @classmethod
    def load(
        cls, path: str | Path, model: Model | None = None, *, device: str = "auto"
    ) -> Inversion:
        """What :meth:`save` wrote.

        Args:
            path: of the file, with or without its ending.
            model: the model that it was found with; not needed if that is bundled, or was tuned.
            device: where to put a model that is loaded here: as for :func:`dragkit.load`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no inversion, is damaged, or belongs to another model; or a model is
                needed.
        """
        from .inversion_files import read_inversion

        return read_inversion(path, model, device)

    def __repr__(self) -> str:
        stages = [f"{stage} {len(losses)} iterations" for stage, losses in self.losses.items()]
        how = ", ".join(stages) or self.method
        return f"Inversion({self.model.name}, {self.quality}: {how})"
