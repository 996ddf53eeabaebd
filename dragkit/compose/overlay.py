"""The image with handles, targets, paths, mask and score window drawn in."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from PIL import Image, ImageDraw

from . import marks
from .inset import ScoreWindow, draw_inset, oversampling, paint_in_place, place_of
from .marks import UNIT, WHITE
from .mask_overlay import overlay_mask
from .strokes import draw_path
from .viewport import Viewport

LAYERS = ("points", "trail", "mask", "window", "heat")
PIXELS = 64  # rows of a magnified part, up to which the image's pixels are to be seen


def draw_overlay(
    image: np.ndarray,
    points: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    *,
    path: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    window: ScoreWindow | None = None,
    selected: int | None = None,
    cursor: tuple[float, float, float] | None = None,
    size: int = 384,
    bold: float = 1,
    layers: Collection[str] = LAYERS,
    viewport: Viewport | None = None,
) -> Image.Image:
    """Draw over `image` (uint8 H W 3) and return a Pillow image, `size` pixels high.

    Args:
        image: what is drawn over; all places are in its pixels (x, y).
        points: (n 2) the handles, drawn as dots.
        targets: (n 2) drawn as rings; a handle without a target has no arrow.
        path: (steps n 2) the handles' path so far.
        mask: (H W), 1 = may move; what must stay is whitened.
        window: one score window, drawn in place and magnified in a corner.
        selected: number of the pair that gets a halo.
        cursor: (x, y, radius) of the keyboard's cursor and its brush.
        size: height in pixels.
        bold: how much larger points and lines are than usual, for images that are shown small.
        layers: what is drawn of all that: "points" (with targets and arrows), "trail", "mask",
            "window" (its frame and the magnified one), "heat" (its colours in place, which hide
            what is below).
        viewport: the part of the image that is shown; None: all of it. Marks and lines keep
            their width however much it is magnified.
    """
    if viewport is None:
        viewport = Viewport(image.shape[:2])
    finer = oversampling(size)
    canvas = _enlarge(image, size, finer, viewport)
    if mask is not None and "mask" in layers:
        canvas = overlay_mask(canvas, mask, viewport)
    draw = ImageDraw.Draw(canvas)
    unit = bold * canvas.height / UNIT
    handles = _on_canvas(points, canvas, viewport)
    ends = _on_canvas(targets, canvas, viewport)

    if window is not None and window.is_empty:
        window = None
    if window is not None and "heat" in layers:
        paint_in_place(canvas, window, viewport)
    if "trail" in layers:
        _draw_paths(canvas, path, viewport, unit)
    if "points" in layers:
        _draw_pairs(draw, handles, ends, unit, selected)
    _draw_cursor(canvas, cursor, viewport, unit)
    if window is not None and "window" in layers:
        in_place = place_of(window, viewport, canvas.height)
        draw_inset(canvas, window, in_place, away=ends if len(ends) else handles)
    return canvas if finer == 1 else canvas.reduce(finer)


def _enlarge(image: np.ndarray, size: int, finer: int, viewport: Viewport) -> Image.Image:
    """The canvas, with the part of the image that is shown.

    Only the marks need the finer pixels, so each of the image's is repeated, which takes half the
    time. Who zooms in strongly wants to see the image's own pixels.
    """
    height, width = image.shape[:2]
    enlarged = (round(width * size / height), size)
    resampling = Image.Resampling.BICUBIC
    if viewport.zoom > 1 and viewport.extent[1] <= PIXELS:
        resampling = Image.Resampling.NEAREST
    canvas = Image.fromarray(image).resize(enlarged, resampling, box=viewport.box)
    if finer > 1:
        fine = (finer * canvas.width, finer * canvas.height)
        canvas = canvas.resize(fine, Image.Resampling.NEAREST)
    return canvas


def _on_canvas(places: np.ndarray | None, canvas: Image.Image, viewport: Viewport) -> np.ndarray:
    """Points (n 2) of the image, in pixels of the canvas."""
    if places is None:
        return np.zeros((0, 2))
    return viewport.to_canvas(places, canvas.height)


def _draw_paths(
    canvas: Image.Image, path: np.ndarray | None, viewport: Viewport, unit: float
) -> None:
    """Each handle's path (steps n 2), if there is one."""
    if path is None:
        return
    for places in np.moveaxis(viewport.to_canvas(path, canvas.height), 1, 0):
        draw_path(canvas, places, unit, again=viewport.zoom == 1)


def _draw_pairs(
    draw: ImageDraw.ImageDraw,
    handles: np.ndarray,
    targets: np.ndarray,
    unit: float,
    selected: int | None,
) -> None:
    """Arrows below, then targets, then handles; numbered if there are several handles."""
    numbered = len(handles) > 1
    for handle, target in zip(handles, targets):
        marks.arrow(draw, handle, target, unit)
    for mark, places in ((marks.ring, targets), (marks.dot, handles)):
        for i, place in enumerate(places):
            mark(draw, place, unit, i if numbered else None, i == selected)


def _draw_cursor(
    canvas: Image.Image,
    cursor: tuple[float, float, float] | None,
    viewport: Viewport,
    unit: float,
) -> None:
    """The keyboard's cursor, if it is shown: the brush as a circle around a plus."""
    if cursor is None:
        return
    x, y, radius = cursor
    draw = ImageDraw.Draw(canvas)
    centre = viewport.to_canvas((x, y), canvas.height)
    marks.circle(draw, centre, radius * viewport.scale(canvas.height), WHITE, 2 * unit)
    marks.plus(draw, centre, 7 * unit, unit)
