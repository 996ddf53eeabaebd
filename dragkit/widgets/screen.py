"""What a player shows: the step, its curves and its words; and what the mouse does there."""

from __future__ import annotations

import time

from PIL import Image
from PIL.ImageOps import contain

from ..compose import chart, draw_overlay, hstack, marked, step_at
from . import views
from .base import guard
from .controls import Controls

START = "Press Run and watch."
SLOWLY = 0.4  # s between updates of curves, slider and text while a run goes on


class Screen(Controls):
    """The part of a :class:`Player` that is looked at; the player itself knows the run."""

    def still(self) -> Image.Image:
        """The image beside the curves; below it what the score window's colours mean, or the
        large maps.
        """
        image, scored = (
            self.image(self.size if self.slides else 384),
            self.frame is not None and self.windows.handle.value is not None,
        )
        column = (
            hstack(image, contain(self.windows.key, (image.width, 22 * self.times)), stacked=True)
            if scored
            else image
        )
        top = hstack(column, self.chart_image().reduce(2 // self.times))
        large = scored and self.windows.beside.value
        return (
            hstack(top, self.windows.image(self.frame).reduce(2), stacked=True) if large else top
        )

    def image(self, size: int = 384) -> Image.Image:
        """The step that is shown, `size` pixels high."""
        if self.frame is None:
            return draw_overlay(self.blank, size=size)
        return views.image(
            self.trace, self.at, self.windows.handle.value, self.windows.map.value, size
        )

    def chart_image(self) -> Image.Image:
        """The curves, twice as large as on the page, or as large as on a slide."""
        panels, sheet = self._curves()
        return (
            sheet
            if self.frame is None
            else marked(sheet, panels, self.frame.index, self.chart_size)
        )

    def _panels(self) -> list:
        return self._curves()[0]

    def _curves(self) -> tuple[list, Image.Image]:
        """The panels and how they look without a mark; kept while only the step changes."""
        trace, past = self.trace, self.session.past if self.session else []
        key = (
            trace,
            len(trace),
            trace[-1] if len(trace) else None,
            len(past),
            self.windows.handle.value,
        )
        if self._kept is None or self._kept[0] != key:
            panels = views.panels(trace, self.session, self.windows.handle.value)
            self._kept = key, panels, chart(panels, None, self.chart_size)
        return self._kept[1:]

    def _follow(self, last: bool = False) -> None:
        """Show the newest step; not each one while a run goes on."""
        self._at = max(len(self.trace) - 1, 0)
        if last:
            return self._refresh()
        self.surface.show(self.image, last=False)
        if time.monotonic() - self._slow > SLOWLY:
            self._sides()

    def _refresh(self) -> None:
        self.windows.fill(self.frame)
        self.surface.show(self.image)
        self._sides()
        self._buttons()

    def _sides(self) -> None:
        """Curves, large maps, slider and text."""
        self._slow = time.monotonic()
        self.chart.show(lambda _: self.chart_image())
        self.windows.draw(self.frame)
        self.transport.fill([f.index for f in self.trace], self.at)
        self._say()

    @guard
    def _say(self) -> None:
        """What lies under the mouse, or else how the step went."""
        self.notice.say(self.windows.words(self.frame) or self._words())

    def _words(self) -> str:
        if len(self.trace) < 2:
            return START if self.session else ""
        preview = self.trace.metadata.get("image")  # of a diffusion model
        words = " · ".join(str(self.frame).split("  ")).strip(" ·") + (
            f" · shown: {preview}" if preview else ""
        )
        if self.running:
            return f"step {words} · {self.surface.rate:.0f} shown/s"
        return f"step {words}" + (
            f" — {self.trace.why()}" if self.at == len(self.trace) - 1 else ""
        )

    # --- the mouse
    # -------------------------------------------------------------------------------------

    @guard
    def _pointed(self, kind: str, x: float, y: float) -> None:
        if not self.notice.alarmed:  # an error stays until the next step or press
            self.windows.at("image", kind, x, y)

    @guard
    def _charted(self, kind: str, x: float, y: float) -> None:
        """A press on the curves shows the step there; one that moves, all steps on its way."""
        self._pulled = kind == "press" or (self._pulled and kind == "move")
        if not self._pulled or self.running or not len(self.trace):
            return
        step = step_at(x + 0.5, y + 0.5, self._panels(), self.chart_size)
        if step is not None:
            self._glide(min(range(len(self.trace)), key=lambda i: abs(self.trace[i].index - step)))

    def _glide(self, position: int) -> None:
        """Show a step soon; of many in a row, as many as can be drawn, and the last."""
        if position != self.at:
            self._at = position
            self.windows.leave()  # words about this step, until the mouse moves again
            self._soon()

    @guard
    def _show_again(self) -> None:
        """A quick look at the step; its fine image, the curves and the words follow less often,
        and at rest.
        """
        self.surface.show(self.image, last=False)
        self._finely()

    @guard
    def _show_finely(self) -> None:
        self._refresh()
