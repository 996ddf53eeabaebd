"""What a model shows of a latent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..arguments import check_plain, real_numbers, shown
from ..asking import asked
from .edit import Size


@dataclass(frozen=True, eq=False)
class View:
    """One latent as the trackers and losses see it.

    Attributes:
        features: (c h w) on their native grid, differentiable with respect to the latent.
        size: (height, width) of the image in pixels.
        render: makes the image (3 H W) in 0..1. It is called once, by :attr:`image`, when
            somebody looks at the image.
        compute_anchor: makes :attr:`anchor`. It is called once, when a mask asks for it, because
            it may cost something. None: the anchor is the features, as in a GAN.
        redraw: makes the same image of a copy of the latent, long after the view is gone, so that
            a trace need not make every image at once, and a widget that watches a run shows a
            sketch meanwhile (:class:`dragkit.runs.sketch.Sketch`). None: nothing makes it again.
        latent: (…) what is shown, for a loss that holds the latent itself; a copy that is
            differentiable, too. A model need not say it: :func:`dragkit.drag` fills it in.
    """

    features: Tensor
    size: Size
    render: Callable[[], Tensor] = field(repr=False)
    compute_anchor: Callable[[], Tensor] | None = field(default=None, repr=False)
    redraw: Callable[[Tensor], Tensor] | None = field(default=None, repr=False)
    latent: Tensor | None = field(default=None, repr=False)

    @cached_property
    def anchor(self) -> Tensor:
        """What must stay as it is outside the mask (c h w), differentiable like the features.

        Raises:
            ValueError: `compute_anchor` returned something else.
        """
        if self.compute_anchor is None:
            return self.features
        anchor = asked("the view's compute_anchor", self.compute_anchor)
        return checked_map("what the view's compute_anchor returned", anchor)

    @cached_property
    def image(self) -> Tensor:
        """The image (3 H W) in 0..1, without gradient.

        Raises:
            ValueError: `render` returned something else.
        """
        with torch.no_grad():
            image = asked("the view's render", self.render)
        return _checked_image(image, self.size)

    @property
    def rendered(self) -> bool:
        """Whether the image has been made already."""
        return "image" in vars(self)

    def copy(self) -> View:
        """The same with tensors of its own, for who may write into them."""

        def image() -> Tensor:
            return self.image.clone()

        def anchor() -> Tensor:
            return self.anchor.clone()

        return replace(
            self,
            features=self.features.clone(),
            render=image,
            compute_anchor=None if self.compute_anchor is None else anchor,
            latent=None if self.latent is None else self.latent.clone(),
        )

    def __repr__(self) -> str:
        height, width = self.size
        return f"View(features {tuple(self.features.shape)}, image {width}×{height})"


def checked_map(what: str, value: Any) -> Tensor:
    """`value` if it is a map (c h w) that can be differentiated.

    Raises:
        ValueError: it is something else; `what` says where it is from.
    """
    way_out = "a tensor of floats (c h w), without a batch axis"
    if not isinstance(value, Tensor):
        raise ValueError(f"{what} is {shown(value)}; give {way_out}")
    check_plain(what, value, way_out)
    if value.ndim != 3 or not value.numel() or not value.is_floating_point():
        found = f"{value.dtype} of shape {tuple(value.shape)}"
        raise ValueError(f"{what} is {found}; give {way_out}, none of them 0")
    return value


def _checked_image(value: Any, size: Size) -> Tensor:
    height, width = size
    what = "what the view's render returned"
    way_out = f"the image: floats in 0..1 of shape (3 H W), here (3 {height} {width})"
    image = real_numbers(what, value, way_out)
    if tuple(image.shape) != (3, height, width) or not image.is_floating_point():
        raise ValueError(f"{what} is {image.dtype} of shape {tuple(image.shape)}; give {way_out}")
    return image
