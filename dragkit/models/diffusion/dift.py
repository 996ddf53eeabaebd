r"""Diffusion features of an image (DIFT), by which points are found again in another one.

.. math::
    F(I) = \frac1K \sum_{k=1}^K U_b\bigl(\sqrt{ᾱ_t}\, E(I) + \sqrt{1 - ᾱ_t}\, ε_k,\, t\bigr),
    \qquad ε_k ∼ N(0, 1)

U_b is stage b of the UNet (0 its middle, 1 its first decoder block) and E the encoder. Content
that means the same has similar features, also in another image.

Source: Tang et al. 2023 (DIFT). DragBench's protocol takes SD 2.1, t = 261, the second decoder
block (b = 2) and K = 8. Its code draws the noise from one seed for all images in the order in
which a folder lists them; here each image gets the same noise, and the encoder's mean is taken in
place of a sample (our choice), so that a score does not depend on the other images.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from .model import Diffusion

TIME = 261  # of 1000
BLOCK = 2
ENSEMBLE = 8
SEED = 42  # of the noise, as in DragBench's code


@torch.no_grad()
def dift(
    model: Diffusion,
    image: Tensor,
    time: int = TIME,
    block: int = BLOCK,
    ensemble: int = ENSEMBLE,
) -> Tensor:
    """The features (c h w) of an image (3 H W) in 0..1, on the grid of the UNet's stage.

    Args:
        model: for images of this size; its prompt says what the image shows.
        image: see above.
        time: t; of the model's schedule the nearest one is taken. A schedule of 50 of Stable
            Diffusion's 1000 timesteps has 261.
        block: b, from 0 to the number of decoder blocks.
        ensemble: K, how many times noise is drawn.
    """
    index = int((model.schedule.times[1:] - time).abs().argmin()) + 1
    clean = model.encode(image[None].to(model.device))
    random = torch.Generator().manual_seed(SEED)
    total = torch.zeros((), device=model.device)
    for _ in range(ensemble):
        noise = torch.randn(clean.shape, generator=random).to(clean)
        noisy = model.schedule.add_noise(clean, noise, index)
        run = model.denoiser.stages(noisy, model.schedule.times[index : index + 1])
        total = total + model.denoiser.joined(next(islice(run, block, None)))
    return total / ensemble
