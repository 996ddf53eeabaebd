"""Images as people see them: whole numbers in 0..255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """An image (3 H W) in 0..1 as uint8 (H W 3); what is beyond that range is clipped."""
    levels = image.detach().mul(255).round().clamp(0, 255).byte()
    pixels: NDArray[np.uint8] = levels.movedim(0, -1).cpu().numpy()
    return pixels
