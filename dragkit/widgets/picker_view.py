"""What a picker shows: the image, what has been picked in it, and the keyboard's cross."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import draw_overlay
from ..models.protocols import Model
from ..pixels import to_uint8
from .canvas import ARROWS, ImageCanvas, Touched
from .edit_draft import EditDraft, Point
from .throttle import Throttle
from .zoom import Zoom


class PickerView:
    """Draws an `EditDraft` over the image of a latent.

    Args:
        model: renders the latents.
        draft: what has been picked so far.
        size: height of the image on the page in CSS pixels.
        touched: called when the mouse or a finger is on the image.
        key: called with the name of a key that was pressed there.
        zoomed: called when another part of the image is to be shown.

    Attributes:
        latent: what the image is made of.
        image: uint8 (H W 3).
        cross: (x, y) where the keyboard's cross is; None while the mouse is used.
        zoom: which part of the image is shown.
        canvas: where all that is drawn.
    """

    latent: Tensor
    image: np.ndarray

    def __init__(
        self,
        model: Model,
        draft: EditDraft,
        size: int,
        touched: Touched,
        key: Callable[[str], None],
        zoomed: Callable[[], None],
    ) -> None:
        self.model = model
        self.draft = draft
        self.cross: Point | None = None
        self._reach = draft.reach  # while the whole image is shown
        self._draw_soon = Throttle(zoomed)
        self.zoom = Zoom(model.size, self._zoomed, self._chosen_place)
        self.canvas = ImageCanvas(model.size, size, touched, key, style="dk-pick", zoom=self.zoom)

    def load(self, latent: Tensor) -> None:
        """Show another latent from the next drawing on."""
        self.latent = latent
        self.image = to_uint8(self.model.finish(latent))

    def move_cross(self, arrow: str) -> None:
        """Move the cross by an arrow key, first out of the middle of what is shown."""
        x, y = self.cross or self.zoom.viewport.centre
        width, height = self.zoom.viewport.extent
        dx, dy = ARROWS[arrow]
        step_x, step_y = max(width / 64, 1), max(height / 64, 1)
        self.cross = self.draft.inside(x + dx * step_x, y + dy * step_y)
        self.zoom.show(self.cross)

    def leave_keyboard(self) -> None:
        """The mouse or a finger is used."""
        self.cross = None
        self.draft.finger = self.canvas.finger

    def _zoomed(self) -> None:
        """On the page, a press always reaches equally far."""
        self.draft.reach = self._reach / self.zoom.viewport.zoom
        self._draw_soon()

    def still(self, size: int, radius: float = 0) -> Image.Image:
        """The image with what has been picked.

        Args:
            size: height in pixels.
            radius: of the brush around the cross, in pixels of the model's image.
        """
        draft = self.draft
        handles = np.array(draft.handles, float).reshape(-1, 2)
        # a handle that still waits for its target has no ring
        targets = [target for target in draft.targets if target is not None]
        return draw_overlay(
            self.image,
            handles,
            np.array(targets, float).reshape(-1, 2),
            mask=draft.mask,
            selected=draft.selected if len(handles) > 1 else None,
            cursor=(*self.cross, radius) if self.cross else None,
            size=size,
            viewport=self.zoom.viewport,
        )

    def _chosen_place(self) -> Point | None:
        """The cross, or else the selected handle."""
        if self.cross is not None or self.draft.selected is None:
            return self.cross
        return self.draft.handles[self.draft.selected]
