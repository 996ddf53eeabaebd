"""Which score window is shown over the image, and what its colours mean."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W
import numpy as np

from ..compose import score_legend
from ..records import Frame
from .colour_legend import ColourLegend
from .layout import on_change, set_visible

OFF = -1  # the value of "off": a menu shows nothing for None
LEGEND_WIDTH = 344  # CSS pixels that the legend needs; shown twice as large on slides


class ScoreMapControls:
    """Chooses a handle and one of its score maps.

    Args:
        width: of the legend's image in CSS pixels.
        changed: called when another choice was made.
        slides: whether the legend is as large as the width allows.

    Attributes:
        handle: the menu of the handles; see `chosen`.
        map: the name of the chosen map.
        large: whether all maps are shown, large, beside the image.
        legend: the legend as an ipywidget.
        legend_image: the same for a still.
    """

    def __init__(self, width: int, changed: Callable[[], None], slides: bool = False) -> None:
        self.changed = changed
        self._filling = False
        self.handle = W.Dropdown(
            options=[("off", OFF)],
            description="Score window",
            tooltip="Where the tracker looked, and how well each pixel matched",
            layout=W.Layout(width="192px"),
        )
        self.handle.style.description_width = "90px"
        self.map = W.Dropdown(
            options=["scores"],
            tooltip="fused: what the best pixel is taken from; the others: what it is made of",
            layout=W.Layout(width="98px"),
        )
        self.large = W.ToggleButton(
            description="Large",
            icon="columns",
            tooltip="All maps, large, beside the image",
            layout=W.Layout(width="78px"),
        )
        for part in (self.handle, self.map, self.large):
            on_change(part, self._choose)

        legend_width = LEGEND_WIDTH
        if not slides:
            legend_width = max(legend_width, width)
        self.legend_image = score_legend(legend_width)
        self._colours = ColourLegend()
        self._colours.explain_window()
        self.legend = self._colours.line

    @property
    def chosen(self) -> int | None:
        """The number of the chosen handle; None for "off"."""
        return None if self.handle.value == OFF else self.handle.value

    @property
    def shows_large(self) -> bool:
        """Whether the large maps are wanted, of some handle."""
        return self.large.value and self.chosen is not None

    def explain(self, whole: np.ndarray | None) -> None:
        """Show the windows' legend, or the scale of scores of the `whole` image (h w)."""
        if whole is None:
            self._colours.explain_window()
        else:
            self._colours.explain_map(whole, f"{self.map.value}, whole image, worst to best")

    def fill(self, frame: Frame | None) -> None:
        """Offer the handles and maps that `frame` has."""
        handles = 0
        names = ["scores"]
        if frame is not None:
            names = list(frame.score_maps(0))
            if frame.scores.isfinite().any():  # else the tracker compares nothing: no window
                handles = len(frame.points)
        self._filling = True
        try:
            self._offer_handles(handles)
            self._offer_maps(names)
        finally:
            self._filling = False
        self._arrange()

    def handle_in(self, frame: Frame) -> int | None:
        """The chosen handle, if `frame` has one with that number."""
        handle = self.chosen
        if handle is None or handle >= len(frame.points):
            return None
        return handle

    def _offer_handles(self, count: int) -> None:
        if len(self.handle.options) == count + 1:
            return
        chosen = self.handle.value
        self.handle.options = [("off", OFF), *((f"handle {i}", i) for i in range(count))]
        if chosen == OFF or chosen >= count:
            chosen = 0 if count else OFF
        self.handle.value = chosen

    def _offer_maps(self, names: list[str]) -> None:
        if list(self.map.options) == names:
            return
        chosen = self.map.value
        self.map.options = names
        self.map.value = chosen if chosen in names else names[0]

    def _arrange(self) -> None:
        off = self.chosen is None
        self.map.disabled = off or len(self.map.options) < 2
        self.large.disabled = off
        set_visible(self.legend, not off, "block")

    def _choose(self) -> None:
        if not self._filling:
            self._arrange()
            self.changed()
