r"""What Stable Diffusion XL's UNet is told besides noise, time and words.

Its words come from two text encoders, and more is added to the embedding of the time (Podell et
al. 2023, section 2.2): the second encoder's summary of the text, and six numbers about the image,

.. math:: e = e_t + MLP([\text{pooled}, γ(H_0), γ(W_0), γ(y), γ(x), γ(H), γ(W)])

with γ the sines that also stand for the time. H₀ × W₀ is the size that a training image had
before it was scaled, (y, x) where it was cropped, H × W the size it was trained at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ...records import Size


class Added(Protocol):
    """Something that is added to the embedding of the time, next to the text."""

    def embedding(self, unet: Any) -> Tensor:
        """(2 c) for the empty prompt and the prompt, as the layers of `unet` make it."""
        ...


@dataclass(frozen=True, eq=False)
class PooledTextAndSize:
    """XL's: the image says that it never was larger, and that nothing of it was cut off.

    So do diffusers' pipelines if nobody says otherwise.

    Attributes:
        pooled: (2 c) the second encoder's summary of the empty prompt and of the prompt.
        size: (height, width) of the images in pixels.
    """

    pooled: Tensor
    size: Size

    def embedding(self, unet: Any) -> Tensor:
        """(2 c), in the precision of the network's weights."""
        height, width = self.size
        numbers = torch.tensor([height, width, 0, 0, height, width], device=self.pooled.device)
        sizes = unet.add_time_proj(numbers).flatten().expand(len(self.pooled), -1)
        weight = unet.add_embedding.linear_1.weight
        return unet.add_embedding(torch.cat([self.pooled, sizes], 1).to(weight.dtype))
