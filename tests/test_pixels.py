"""Floats in 0..1 become whole numbers in 0..255."""

import numpy as np
import torch

from dragkit.pixels import to_uint8


def test_numbers_are_rounded_and_clipped():
    image = torch.tensor([-1, 0, 0.4 / 255, 0.6 / 255, 1, 2]).reshape(1, 2, 3).expand(3, -1, -1)
    pixels = to_uint8(image)
    assert pixels.dtype == np.uint8 and pixels.shape == (2, 3, 3)
    assert pixels[..., 0].tolist() == [[0, 0, 0], [1, 255, 255]]
