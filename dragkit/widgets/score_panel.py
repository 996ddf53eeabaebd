"""All score maps of a handle, or of all handles, large, and the values under the mouse."""

from __future__ import annotations

from functools import partial

import ipywidgets as W
from PIL import Image

from ..compose import score_legend, score_panel_at, score_panels, vstack
from ..records import Frame
from ..runs.outcome import tracker_name
from ..scores import score_meaning
from .canvas import ImageCanvas, Touch, Touched
from .layout import on_change, set_visible
from .markup import element, show, text_box
from .score_maps import ScoreMapControls
from .score_readings import Cell, pixel_of, reading

FLAT = 0.46  # height of the panels over their width
HINT = "Move the mouse over a map to read its values."


class ScoreMapPanel:
    """Draws the score maps of the chosen handle side by side, over their legend; or of all.

    Args:
        width: in CSS pixels.
        controls: which handle and map are chosen, and whether the panel is shown.
        touched: called when the mouse or a finger is on the maps, with the place in CSS pixels.

    Attributes:
        every: whether the maps of all handles are shown, each in a row of its own.
        canvas: where the maps are drawn; of the first handle, if all are shown.
        readout: the values under the mouse.
        meaning: what a score is.
        box: all of it.
    """

    def __init__(self, width: int, controls: ScoreMapControls, touched: Touched) -> None:
        self.width = width
        self.height = round(FLAT * width)
        self.controls = controls
        self.touched = touched
        self.every = W.ToggleButton(
            description="All handles",
            icon="bars",
            tooltip="The maps of every handle, one below the other",
            layout=W.Layout(width="120px"),
        )
        on_change(self.every, controls.changed)
        self.canvas = self._new_canvas(0)
        self._canvases = [self.canvas]
        self._touched_row = 0  # whose canvas was touched last
        self._rows = W.VBox([self.canvas.canvas])
        self.readout = text_box("dk-line", width="100%", min_height="22px")
        self.meaning = text_box("dk-line", width="100%")
        self.box = W.VBox(
            [self.every, self._rows, self.readout, self.meaning],
            layout=W.Layout(max_width=f"{width}px"),
        )
        set_visible(self.box, False)

    def draw(self, frame: Frame | None) -> None:
        """Draw the maps of a step if they are wanted, else hide the panel."""
        shown = self.controls.shows_large
        set_visible(self.box, shown, "flex")
        if shown and frame is not None:
            set_visible(self.every, len(frame.points) > 1)
            handles = self._handles(frame)
            while len(self._canvases) < len(handles):
                self._canvases.append(self._new_canvas(len(self._canvases)))
            canvases = self._canvases[: len(handles)]
            self._rows.children = [canvas.canvas for canvas in canvases]
            for canvas, handle in zip(canvases, handles, strict=True):
                canvas.show_image(self._image_of(frame, handle))
            show(self.meaning, element("div", score_meaning(tracker_name(frame))))

    def image(self, frame: Frame) -> Image.Image:
        """The maps over their legend, twice as fine as on the page."""
        return vstack(*(self._image_of(frame, handle) for handle in self._handles(frame)))

    def _handles(self, frame: Frame) -> list[int]:
        """Whose maps are shown."""
        if self.every.value:
            return list(range(len(frame.points)))
        return [self.controls.chosen or 0]

    def _image_of(self, frame: Frame, handle: int) -> Image.Image:
        names = {name: name for name in frame.score_maps(handle)}
        if self.every.value:
            first = next(iter(names))
            names[first] = f"handle {handle}: {first}"
        maps = score_panels(
            {names[name]: scores for name, scores in frame.score_maps(handle).items()},
            frame.step.window_centre[handle].numpy(),
            width=self.width,
            chosen=names.get(self.controls.map.value),
            stride=frame.step.track.stride,
        )
        legend = score_legend(self.width, search_centre=True)

        sheet = Image.new("RGB", (2 * self.width, 2 * self.height), "white")
        sheet.paste(maps)
        sheet.paste(legend, (0, sheet.height - 48))
        return sheet

    def reading(self, frame: Frame, x: float, y: float) -> str:
        """The values under (x, y), in CSS pixels of the panel; empty where no map is."""
        found = self._cell_at(frame, x, y)
        if found is None:
            return ""
        whose = f"handle {found[0]}, " if self.every.value else ""
        return whose + reading(frame, *found)

    def place(self, frame: Frame, x: float, y: float) -> tuple[float, float] | None:
        """The pixel of the model's image that is shown there; None where no map is."""
        found = self._cell_at(frame, x, y)
        return None if found is None else pixel_of(frame, *found)

    def _cell_at(self, frame: Frame, x: float, y: float) -> tuple[int, Cell] | None:
        """The handle, and the cell of its maps under (x, y)."""
        handles = self._handles(frame)
        if self.controls.handle_in(frame) is None or self._touched_row >= len(handles):
            return None
        handle = handles[self._touched_row]
        found = score_panel_at(x + 0.5, y + 0.5, frame.score_maps(handle), self.width)
        return None if found is None else (handle, found[1])

    def _new_canvas(self, row: int) -> ImageCanvas:
        return ImageCanvas((self.height, self.width), self.height, partial(self._touch, row))

    def _touch(self, row: int, kind: Touch, x: float, y: float) -> None:
        self._touched_row = row
        self.touched(kind, x, y)

    def say(self, text: str) -> None:
        """Show the values under the mouse, or a hint."""
        if self.controls.large.value:
            show(self.readout, element("div", text or HINT))
