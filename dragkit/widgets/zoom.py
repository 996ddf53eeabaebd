"""Zooming into an image: by the wheel, by keys and buttons, and by pulling the image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ipywidgets as W

from ..compose import Viewport
from ..records import Size
from .layout import button

Place = tuple[float, float]  # (x, y) in pixels of the image

STEP = 1.5  # by which a key or a button magnifies
DOUBLE = 300  # pixels of the wheel that magnify twice; a notch has about 100
PUSH = 1 / 8  # of what is shown, by which an arrow key moves it
KEYS = {"+": STEP, "=": STEP, "-": 1 / STEP}  # a keyboard's "+" may be the "=" with Shift
FIT = "0"


class Zoom:
    """Which part of an image is shown.

    Args:
        image: (height, width) of the image in pixels.
        changed: called when another part is shown.
        chosen: returns the (x, y) that the buttons magnify; None: what is in the middle.
        pulls: whether a mouse or finger that is pressed pulls the image along.

    Attributes:
        viewport: the part that is shown.
        buttons: in, out, and the whole image; the last one says how much it is magnified.
        row: the buttons side by side.
    """

    def __init__(
        self,
        image: Size,
        changed: Callable[[], None],
        chosen: Callable[[], Place | None],
        pulls: bool = False,
    ) -> None:
        self.viewport = Viewport(image)
        self.changed = changed
        self.chosen = chosen
        self.pulls = pulls
        self._held: Place | None = None
        tip = "magnify at the chosen handle (+, or the wheel, at the mouse)"
        self._closer = button("", "search-plus", f"Zoom in: {tip}", partial(self.by, STEP))
        tip = "Zoom out (- or the wheel); Shift and the arrow keys move what is shown"
        self._wider = button("", "search-minus", tip, partial(self.by, 1 / STEP))
        self._fit = button("", "arrows-alt", "Show the whole image (0)", self.fit)
        self.buttons: tuple[W.Button, ...] = (self._closer, self._wider, self._fit)
        for part, width in zip(self.buttons, (30, 30, 64)):
            part.layout.flex = None
            part.layout.width = f"{width}px"
        self.row = W.HBox(self.buttons)
        self._fill()

    def begin(self, image: Size) -> None:
        """An image of that (height, width) comes; of another size, all of it is shown."""
        if image != self.viewport.size:
            self.viewport = Viewport(image)
            self._fill()

    def by(self, factor: float, at: Place | None = None) -> None:
        """Magnify by a factor; `at` (x, y) stays where it is. None: at the chosen place."""
        if at is not None:
            self._show(self.viewport.zoomed(factor, at))
            return
        at = self.chosen() or self.viewport.centre
        self._show(self.viewport.zoomed(factor, at).showing(at))

    def fit(self) -> None:
        """Show the whole image."""
        self._show(Viewport(self.viewport.size))

    def show(self, place: Place) -> None:
        """Show the part around a place, if it is out of sight."""
        self._show(self.viewport.showing(place))

    def turn(self, pixels: float, at: Place | None) -> None:
        """The wheel was turned at (x, y), down if `pixels` are more than 0."""
        pixels = min(max(pixels, -DOUBLE), DOUBLE)
        self.by(2 ** (-pixels / DOUBLE), at)

    def press_key(self, name: str, at: Place | None) -> bool:
        """A key was pressed, with the mouse at (x, y); says whether it was one of these."""
        if name in KEYS:
            self.by(KEYS[name], at)
        elif name == FIT:
            self.fit()
        return name in KEYS or name == FIT

    def push(self, across: float, down: float) -> None:
        """Show what is to the right or to the left, below or above."""
        width, height = self.viewport.extent
        self._show(self.viewport.moved(across * PUSH * width, down * PUSH * height))

    def hold(self, at: Place) -> None:
        """Take hold of the image at (x, y), if it can be pulled."""
        self._held = at if self.pulls else None

    def pull(self, at: Place) -> None:
        """Move what is held to where (x, y) is shown now."""
        if self._held is not None:
            self._show(self.viewport.moved(self._held[0] - at[0], self._held[1] - at[1]))

    def let_go(self) -> None:
        """Nothing is held any longer."""
        self._held = None

    def _show(self, viewport: Viewport) -> None:
        if viewport != self.viewport:
            self.viewport = viewport
            self._fill()
            self.changed()

    def _fill(self) -> None:
        """Enable what makes sense, and say how much is magnified."""
        zoom = self.viewport.zoom
        self._closer.disabled = zoom >= self.viewport.most
        self._wider.disabled = self._fit.disabled = zoom <= 1
        self._fit.description = f"{zoom:.3g}×"
