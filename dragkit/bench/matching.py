r"""Where the content of a handle is in a dragged image, asked of features: the MD of DragBench.

.. math::
    q_i = \arg\max_{q ∈ R_i} \cos\bigl(F(I)(h_i), F(I')(q)\bigr), \qquad
    MD = \tfrac1n \textstyle\sum_i ‖q_i - t_i‖_2

F are the features of a *matcher*, I and I' the image before and after, h the handles, t the
targets. Published numbers differ in where they search, the region R, and in their unit:

==================  ==========================================  ==================================
variant             R                                           unit; who reports it
==================  ==========================================  ==================================
``md``              the whole image                             px; DragDiffusion's code, and most
``m_md``            where the mask is 1                         px; DragLoRA's m-MD
``md_discs``        discs around h and t, of radius             px
                    max(5, ‖h - t‖ / √2)
``md_normalised``   the same discs                              x by the width, y by the height;
                                                                RegionDrag, Inpaint4Drag (× 100)
==================  ==========================================  ==================================

RegionDrag's code brings both images to 768 × 768 px before it takes features, which
``Dift(model, size=(768, 768))`` does, or ``--matcher-size 768`` of the command. Numbers of two
variants, or of two matchers, may not stand in one table: every result names its own
(:func:`matcher_name`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ..arguments import instance
from ..models.diffusion.dift import BLOCK, ENSEMBLE, TIME, dift
from ..models.diffusion.model import Diffusion
from ..records import Edit
from .opening import AnyModel, Opening, opened
from .starting import fitted

SMALLEST_DISC = 5  # px
MATCHED_AT_ONCE = 1 << 24  # numbers of features that are compared


class Matcher(Protocol):
    """Features by which content is found again."""

    def __call__(self, image: Tensor, prompt: str) -> Tensor:
        """The features (c h w) of an image (3 H W) in 0..1; the grid is any."""
        ...


@dataclass(frozen=True, eq=False)
class Dift:
    """The features of a diffusion model, which every MD in the papers is made from.

    Args:
        model: Stable Diffusion 2.1 in the papers; any other gives other numbers. A name, a path or
            an :class:`.opening.Opening` is opened by the process that asks for features.
        size: (height, width) to which images are brought; None takes the nearest to their own
            that the model has.
        time, block, ensemble: as for :func:`dragkit.models.diffusion.dift.dift`.
    """

    model: AnyModel
    size: tuple[int, int] | None = None
    time: int = TIME
    block: int = BLOCK
    ensemble: int = ENSEMBLE

    def __call__(self, image: Tensor, prompt: str = "") -> Tensor:
        """The features (c h w) of an image (3 H W) in 0..1."""
        height, width = self.size or image.shape[1:]
        model = replace(fitted(self._opened(), prompt, (height, width)), reference=None)
        brought = image
        if tuple(image.shape[1:]) != tuple(model.size):
            brought = F.interpolate(image[None], model.size, mode="bilinear", antialias=True)[0]
        return dift(model, brought, self.time, self.block, self.ensemble).cpu()

    def check(self) -> None:
        """Raise an error if the model is no diffusion model, or takes no images of this size."""
        model = self._opened()
        if self.size is None:
            return
        (height, width), (high, wide) = self.size, fitted(model, "", self.size).size
        if (height, width) != (high, wide):
            raise ValueError(
                f"the matcher {model.name} takes no images of {width}×{height} px; {wide}×{high}"
                " is the nearest size that it has; give that, another matcher, or no size"
            )

    def _opened(self) -> Diffusion:
        model = opened(self.model)
        instance("matcher", model, Diffusion, "a diffusion model, or a function (image, prompt)")
        return cast(Diffusion, model)


def matcher_of(matcher: AnyModel | Matcher) -> Matcher:
    """The features by which points are found again: DIFT's, of a model, or `matcher` itself."""
    if callable(matcher) and not isinstance(matcher, Diffusion):
        return matcher
    return Dift(matcher)


def matcher_name(matcher: AnyModel | Matcher) -> str:
    """What a table calls it: ``DIFT of stable-diffusion-2-1 at 768×768 px``."""
    found = matcher_of(matcher)
    if not isinstance(found, Dift):
        return getattr(found, "__name__", type(found).__name__)
    model = found.model
    path = model.name_or_path if isinstance(model, Opening) else model
    name = Path(path).name if isinstance(path, str | Path) else path.name
    if found.size is None:
        return f"DIFT of {name} at the image's size"
    height, width = found.size
    return f"DIFT of {name} at {width}×{height} px"


def similarity(before: Tensor, after: Tensor, edit: Edit, size: tuple[int, int]) -> Tensor:
    """How alike each pixel of the result is to what was at the handles: cosines (n H W).

    Args:
        before, after: features (c h w) of the two images.
        edit: its handles are read in the first.
        size: (height, width) of the images, to which the features are enlarged, as in
            DragDiffusion's code.
    """
    columns, rows = edit.handles.round().long().unbind(1)
    wanted = _enlarged(before, size)[:, rows, columns]  # (c n)
    wanted = F.normalize(wanted, dim=0)

    maps = after.new_zeros(len(edit.handles), *size)
    height, width = size
    step = max(1, MATCHED_AT_ONCE // (len(after) * width))
    large = _enlarged(after, size)
    for top in range(0, height, step):
        part = F.normalize(large[:, top : top + step], dim=0)
        maps[:, top : top + step] = torch.einsum("cn,chw->nhw", wanted, part)
    return maps


def matched(maps: Tensor, region: Tensor) -> Tensor:
    """The most similar pixels (n 2), as (x, y), of maps (n H W) where `region` (n H W) is true."""
    inside = maps.masked_fill(~region, -torch.inf).flatten(1)
    place = inside.argmax(1)
    width = maps.shape[-1]
    return torch.stack([place % width, place // width], 1).float()


def whole(edit: Edit, size: tuple[int, int]) -> Tensor:
    """The region (n H W) that is all of the image."""
    return torch.ones(len(edit.handles), *size, dtype=torch.bool)


def masked(edit: Edit, size: tuple[int, int]) -> Tensor:
    """The region (n H W) that may move; all of the image without a mask."""
    if edit.mask is None:
        return whole(edit, size)
    return edit.mask.bool().cpu().expand(len(edit.handles), *size)


def discs(edit: Edit, size: tuple[int, int]) -> Tensor:
    """The region (n H W) of two discs, around a handle and around its target."""
    height, width = size
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([columns, rows], -1).float()
    handles, targets = edit.handles.cpu(), edit.targets.cpu()

    radius = ((handles - targets).norm(dim=1) / 2**0.5).clamp_min(SMALLEST_DISC)
    near = [(pixels - points[:, None, None]).norm(dim=-1) for points in (handles, targets)]
    return torch.minimum(*near) < radius[:, None, None]


REGIONS: Mapping[str, Callable[[Edit, tuple[int, int]], Tensor]] = {
    "md": whole,
    "m_md": masked,
    "md_discs": discs,
}


VARIANTS = (*REGIONS, "md_normalised")


def distances(before: Tensor, after: Tensor, edit: Edit, size: tuple[int, int]) -> dict[str, Any]:
    """Every variant of the MD, and what it is a mean of.

    Args:
        before, after: features (c h w) of the two images.
        edit: in pixels of the images.
        size: (height, width) of the images.

    Returns:
        The mean over the pairs for each variant in this module's docstring, and ``pairs``: the
        whole image's distance of each pair.
    """
    maps = similarity(before, after, edit, size)
    targets = edit.targets.cpu()
    found = {name: matched(maps, region(edit, size)) for name, region in REGIONS.items()}
    apart = {name: (points - targets).norm(dim=1) for name, points in found.items()}

    height, width = size
    sides = torch.tensor([width, height], dtype=torch.float32)
    normalised = ((found["md_discs"] - targets) / sides).norm(dim=1)
    means = {name: values.mean().item() for name, values in apart.items()}
    return {
        **means,
        "md_normalised": normalised.mean().item(),
        "pairs": apart["md"].tolist(),
    }


def _enlarged(features: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(features[None], size, mode="bilinear")[0]
