"""The whole of it in one widget: pick an edit on the left, watch it happen on the right."""

from __future__ import annotations

from typing import Any

import ipywidgets as W
import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import hstack
from ..records import Edit
from ..runs.session import Session
from ..runs.trace import Trace
from .base import Shown, card
from .picker import Picker
from .player import Player

GAP = 24  # CSS pixels between the two images


class Studio(Shown):
    """Pick an edit and watch it happen: ``Studio(model, edit=edit, **dragkit.methods.draggan())``.

    A changed seed, point or mask counts from the next Run on, which begins anew; what was done
    before is kept in ``session.past``.

    Args:
        model: what to drag, as :func:`dragkit.load` returns.
        seed, edit: what to begin with.
        size: height of each image on the page, in CSS pixels.
        latent: to begin with, in place of a seed: such as ``dragkit.invert`` finds.
        method: the pieces of a method, such as ``**dragkit.methods.draggan()``.

    Raises:
        TypeError: without a method.
        ValueError: at once, if `edit` does not fit the model's image.
    """

    def __init__(
        self,
        model,
        seed: int = 0,
        edit: Edit | None = None,
        size: int = 384,
        latent: Tensor | None = None,
        **method: Any,
    ) -> None:
        if not method:
            raise TypeError("Studio needs a method: Studio(model, **dragkit.methods.draggan())")
        self.model, self.method = model, method
        self.picker = Picker(model, seed, edit, size, latent)
        start = self._begin() if edit else None
        self.player = Player(start, size, chart=(2 * size + GAP, size // 2), blank=self._pale())
        self.player.files.name.value = f"runs/{getattr(model, 'name', 'session')}"
        self.picker.on_change(self._changed)
        for event, callback in (
            ("start", self._start),
            ("rest", self.refresh_still),
            ("open", self._opened),
        ):
            self.player.on(event, callback)
        if not edit:
            self._changed()
        player, picker = self.player, self.picker
        style, seed, *rest = picker.box.children
        words = player.notice.line
        picker.box.children, player.column.children = (
            [style, *rest],
            [part for part in player.below if part is not words],
        )
        line = lambda *parts: W.HBox(
            parts, layout=W.Layout(flex_flow="row wrap", grid_gap=f"{GAP}px")
        )
        # above both images: narrow pages stack them, and what Run does stays in sight
        top = line(seed, W.VBox([player.runs, words]))
        self.box = card(
            top, line(picker.box, player.column), player.chart.canvas, player.windows.panel
        )

    @property
    def edit(self) -> Edit:
        """What has been picked. Raises ValueError while a handle or a target is missing."""
        return self.picker.edit

    @property
    def session(self) -> Session | None:
        """What Run, Step and Branch work on; ``None`` before the first run of a studio without an
        edit.
        """
        return self.player.session

    @property
    def trace(self) -> Trace:
        """The run that is shown."""
        return self.player.trace

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback or a run; ``None`` while all is well."""
        return self.player.last_error or self.picker.last_error

    def run(self, steps: int | None = None) -> Trace:
        """Run up to `steps` updates (default: the method's), wait for them and return
        the trace.
        """
        return self.player.run(steps)

    def branch(self, position: int) -> None:
        """Go back to the step at `position` of the trace; the next run goes on from there."""
        self.player.branch(position)

    def still(self) -> Image.Image:
        """Both images over the curves."""
        small = self.player.chart_image().reduce(2)
        images = hstack(
            self.picker.still(self.player.size), self.player.image(self.player.size), gap=GAP
        )
        return hstack(images, small, stacked=True)

    def __repr__(self) -> str:
        return f"Studio({self.picker!r}, {self.trace!r})"

    def _begin(self) -> Session:
        return Session(self.model, self.picker.latent, self.picker.edit, **self.method)

    def _pale(self) -> np.ndarray:
        return self.picker.image // 2 + np.uint8(127)

    def _changed(self) -> None:
        """The picker's edit is no longer the session's: Run will begin anew."""
        try:
            ready = bool(self.edit)
        except ValueError:
            ready = False
        self.player.blank = self._pale()
        self.player.wait_for(ready)

    def _start(self) -> None:
        """Before a run: begin anew where the picker has changed."""
        self.picker.settle()
        if self.player.waiting is None:
            return
        if self.session:
            self.session.swap(**self.method).restart(self.picker.latent, self.edit)
        else:
            self.player.show(self._begin())
        self.player.waiting = None

    def _opened(self) -> None:
        """After a file was opened: show its start and edit in the picker."""
        start = self.trace[0]
        self.picker.load(start.latent.to(self.model.device), start.edit)
        self.player.waiting = None
