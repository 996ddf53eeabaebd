"""All score maps of a handle, large, and the values under the mouse."""

from __future__ import annotations

import ipywidgets as W
from PIL import Image

from ..compose import score_legend, score_panel_at, score_panels
from ..records import Frame
from ..runs.outcome import tracker_name
from ..scores import score_meaning
from .canvas import ImageCanvas, Touched
from .layout import set_visible
from .markup import element, show, text_box
from .score_maps import ScoreMapControls
from .score_readings import Cell, pixel_of, reading

FLAT = 0.46  # height of the panels over their width
HINT = "Move the mouse over a map to read its values."


class ScoreMapPanel:
    """Draws the score maps of the chosen handle side by side, over their legend.

    Args:
        width: in CSS pixels.
        controls: which handle and map are chosen, and whether the panel is shown.
        touched: called when the mouse or a finger is on the maps, with the place in CSS pixels.

    Attributes:
        canvas: where the maps are drawn.
        readout: the values under the mouse.
        meaning: what a score is.
        box: all three.
    """

    def __init__(self, width: int, controls: ScoreMapControls, touched: Touched) -> None:
        self.width = width
        self.height = round(FLAT * width)
        self.controls = controls
        self.canvas = ImageCanvas((self.height, width), self.height, touched)
        self.readout = text_box("dk-line", width="100%", min_height="22px")
        self.meaning = text_box("dk-line", width="100%")
        self.box = W.VBox(
            [self.canvas.canvas, self.readout, self.meaning],
            layout=W.Layout(max_width=f"{width}px"),
        )
        set_visible(self.box, False)

    def draw(self, frame: Frame | None) -> None:
        """Draw the maps of a step if they are wanted, else hide the panel."""
        shown = self.controls.shows_large
        set_visible(self.box, shown, "flex")
        if shown and frame is not None:
            self.canvas.show_image(self.image(frame))
            show(self.meaning, element("div", score_meaning(tracker_name(frame))))

    def image(self, frame: Frame) -> Image.Image:
        """The maps over their legend, twice as fine as on the page."""
        handle = self.controls.chosen or 0
        maps = score_panels(
            frame.score_maps(handle),
            frame.step.window_centre[handle].numpy(),
            width=self.width,
            chosen=self.controls.map.value,
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
        return "" if found is None else reading(frame, *found)

    def place(self, frame: Frame, x: float, y: float) -> tuple[float, float] | None:
        """The pixel of the model's image that is shown there; None where no map is."""
        found = self._cell_at(frame, x, y)
        return None if found is None else pixel_of(frame, *found)

    def _cell_at(self, frame: Frame, x: float, y: float) -> tuple[int, Cell] | None:
        """The handle, and the cell of its maps under (x, y)."""
        handle = self.controls.handle_in(frame)
        if handle is None:
            return None
        found = score_panel_at(x + 0.5, y + 0.5, frame.score_maps(handle), self.width)
        return None if found is None else (handle, found[1])

    def say(self, text: str) -> None:
        """Show the values under the mouse, or a hint."""
        if self.controls.large.value:
            show(self.readout, element("div", text or HINT))
