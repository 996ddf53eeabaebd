"""Which score window is shown, over the image or beside it, and what its values are under the
mouse.
"""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W
import numpy as np
from PIL import Image

from ..compose import legend, panel_at, panels, png, under
from ..records import Frame
from .canvas import Surface

FLAT = 0.40  # height of the panels over their width
TIGHT = 344  # CSS pixels that the legend needs; shown twice as large on slides


class Windows:
    """Chooses a handle, a map and a place; knows the value under the mouse.

    Args:
        size: height of the images in CSS pixels.
        width: of the legend in CSS pixels; the maps beside the image are twice as wide.
        changed: called when another choice was made.
        pointed: called when the mouse is somewhere else.
        slides: the legend is as large as the width allows.
    """

    def __init__(
        self,
        size: int,
        width: int,
        changed: Callable[[], None],
        pointed: Callable[[], None],
        slides: bool = False,
    ) -> None:
        self.changed, self.pointed, self._quiet, self.size = changed, pointed, False, size
        self.width, self.mouse = 2 * width + 12, None  # (where, x, y)
        tip = "Where the tracker looked, and how well each pixel matched"
        self.handle = W.Dropdown(
            options=[("off", None)],
            description="Score window",
            tooltip=tip,
            layout=W.Layout(width="192px"),
        )
        self.handle.style.description_width = "90px"
        tip = "fused: what the best pixel is taken from; the others: what it is made of"
        self.map = W.Dropdown(options=["scores"], tooltip=tip, layout=W.Layout(width="98px"))
        self.beside = W.ToggleButton(
            description="Large",
            icon="columns",
            tooltip="All maps, large, beside the image",
            layout=W.Layout(width="78px"),
        )
        for part in (self.handle, self.map, self.beside):
            part.observe(self._chose, "value")
        self.key = legend(TIGHT if slides else max(width, TIGHT))
        self.legend = W.Image(
            value=png(self.key),
            format="png",
            layout=W.Layout(width=f"{width}px", height=f"{round(44 * width / self.key.width)}px"),
        )
        height = round(FLAT * self.width)
        self.surface = Surface(
            (height, self.width), height, lambda *mouse: self.at("panels", *mouse), style="dk-look"
        )
        self.readout = W.HTML(layout=W.Layout(width=f"{self.width}px", min_height="22px"))
        self.readout.add_class("dk-line")
        self.panel = W.VBox([self.surface.canvas, self.readout], layout=W.Layout(display="none"))

    def fill(self, frame: Frame | None) -> None:
        """Offer what `frame` has."""
        # a tracker that compares nothing has no window
        count = 0 if frame is None or not frame.scores.isfinite().any() else len(frame.points)
        names = ["scores"] if frame is None else list(frame.score_maps(0))
        chosen, self._quiet = (self.handle.value, self.map.value), True
        if len(self.handle.options) != count + 1:
            self.handle.options = [("off", None), *((f"handle {i}", i) for i in range(count))]
            self.handle.value = (
                chosen[0] if chosen[0] is not None and chosen[0] < count else 0 if count else None
            )
        if list(self.map.options) != names:
            self.map.options = names
            self.map.value = chosen[1] if chosen[1] in names else names[0]
        self._quiet = False
        self._arrange()

    def draw(self, frame: Frame | None, last: bool = True) -> None:
        """Draw the large maps, where they are wanted."""
        if frame is not None and self.beside.value and self.handle.value is not None:
            self.surface.show(lambda _: self.image(frame), last)

    def image(self, frame: Frame) -> Image.Image:
        """The maps of the chosen handle side by side, over their legend; twice as fine as on the
        page.
        """
        handle = self.handle.value
        sheet = Image.new("RGB", (2 * self.width, 2 * round(FLAT * self.width)), "white")
        sheet.paste(
            panels(
                frame.score_maps(handle),
                frame.step.window_centre[handle].numpy(),
                width=self.width,
                chosen=self.map.value,
                stride=frame.step.track.stride,
            )
        )
        sheet.paste(legend(self.width, looked=True), (0, sheet.height - 48))
        return sheet

    def at(self, where: str, kind: str, x: float, y: float) -> None:
        """The mouse or a finger is at (x, y) of the "image" (its pixels) or the "panels" (CSS
        pixels), or gone.
        """
        self.mouse = None if kind == "out" else (where, x, y)
        self.pointed()

    def leave(self) -> None:
        """Forget the place."""
        self.mouse = None

    def words(self, frame: Frame | None) -> str:
        """The pixel under the mouse and its raw values; empty where the mouse is elsewhere."""
        text = "" if frame is None or self.mouse is None else self._values(frame)
        if self.beside.value:
            self.readout.value = (
                f"<div>{text or 'Move the mouse over a map to read its values.'}</div>"
            )
        return text

    def _values(self, frame: Frame) -> str:
        where, x, y = self.mouse
        handle = self.handle.value
        cell = None if handle is None or handle >= len(frame.points) else self._cell(frame, handle)
        if cell is None:
            return f"pixel ({x:.0f}, {y:.0f}): no score here" if where == "image" else ""
        row, column = cell
        maps = frame.score_maps(handle)
        x, y = (
            frame.step.window_centre[handle].numpy()
            + frame.step.track.stride
            * (np.array([column, row]) - len(maps[next(iter(maps))]) // 2)
        ).tolist()
        values = " · ".join(
            f"{name} {_number(m[cell])}"
            for name, m in [*list(maps.items())[1:], *list(maps.items())[:1]]
        )
        return f"pixel ({x:g}, {y:g}): {values}"

    def _cell(self, frame: Frame, handle: int) -> tuple[int, int] | None:
        where, x, y = self.mouse
        if where == "panels":
            found = panel_at(x + 0.5, y + 0.5, frame.score_maps(handle), self.width)
            return found and found[1]
        scores, window_centre = (
            frame.scores[handle].numpy(),
            frame.step.window_centre[handle].numpy(),
        )
        return under(
            x,
            y,
            scores,
            window_centre,
            frame.image.shape[:2],
            frame.edit.targets.numpy(),
            2 * self.size,
            frame.step.track.stride,
        )

    def _arrange(self) -> None:
        off = self.handle.value is None
        self.map.disabled, self.beside.disabled = off or len(self.map.options) < 2, off
        self.legend.layout.display = "none" if off else "block"
        self.panel.layout.display = "flex" if self.beside.value and not off else "none"

    def _chose(self, _) -> None:
        if not self._quiet:
            self._arrange()
            self.changed()


def _number(value: np.floating) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "off the image"
