"""Everything in one widget: pick an edit on the left, watch it happen on the right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as W
import numpy as np
from PIL import Image
from torch import Tensor

from ..arguments import named_arguments, nearest
from ..compose import hstack, vstack
from ..interventions import Intervention
from ..loop import drag
from ..models.protocols import Model
from ..pieces import Method
from ..records import Edit
from ..runs.session import Session
from ..runs.trace import Trace
from .intervene_form import InterveneForm
from .layout import card, column, side_by_side
from .method_form import MethodForm
from .notebook_widget import NotebookWidget
from .picker import Picker
from .player import Player
from .sizes import NARROW, image_size

OWN_ARGUMENTS = ("model", "seed", "edit", "size", "latent")
GAP = 24  # CSS pixels between the two images


@named_arguments
class Studio(NotebookWidget):
    """Pick an edit and watch it happen: ``Studio(model, edit=edit, **dragkit.methods.draggan())``.

    A changed seed, point or mask counts from the next Run on, which starts again; what was done
    before is kept in ``session.past``.

    Args:
        model: what to drag, as :func:`dragkit.load` returns.
        seed: of the first image.
        edit: what to begin with.
        size: height of each image on the page, in CSS pixels; None: as the page has room for it.
        latent: to begin with, in place of a seed: such as ``dragkit.invert`` finds.
        method: the pieces of a method, such as ``**dragkit.methods.draggan()``.

    Attributes:
        picker: the left half.
        player: the right half, and the curves below both.
        form: the method's menus and sliders. A change counts from the next update on; what to
            type for the method stands below them.
        interventions: buttons that do something to the run at the step that is shown
            (:mod:`dragkit.interventions`): read another block, freeze a row of the latent, patch a
            template. What to type for the whole run, as it was clicked, stands below them.

    Raises:
        TypeError: there is no method, one with a piece that there is not, or without one that it
            needs; the model or the edit is something else.
        ValueError: at once, if a piece of the method cannot work on the model's images, `edit`
            does not fit them, or the seed, the size or the latent is none.
    """

    def __init__(
        self,
        model: Model,
        seed: int = 0,
        edit: Edit | None = None,
        size: int | None = None,
        latent: Tensor | None = None,
        **method: Any,
    ) -> None:
        if not method:
            raise TypeError("Studio needs a method: Studio(model, **dragkit.methods.draggan())")
        _check_names(method)
        self.model = model
        self.method = method
        self.size = image_size(size)
        self.picker = Picker(model, seed, edit, size, latent)
        if edit is None:
            _check_method(model, self.picker.latent, method)
        start = None if edit is None else self._new_session()
        self.player = Player(start, size, blank=self._pale_image())
        self.status = self.player.status
        self.player.controls.files.name.value = f"runs/{model.name}"

        self.form = MethodForm(method, self._use_method, self.status)
        self.interventions = InterveneForm(self._intervene, self.status)
        self.picker.on_change(self._edit_changed)
        self.player.on("start", self._start_run)
        self.player.on("rest", self.refresh_still)
        self.player.on("rest", self._show_interventions)
        self.player.on("open", self._load_opened)
        self.player.on("branch", self._show_interventions)
        if edit is None:
            self._edit_changed()
        self._show_interventions()
        self.box = self._layout()

    @property
    def edit(self) -> Edit:
        """What has been picked.

        Raises:
            ValueError: a handle or a target is missing.
        """
        return self.picker.edit

    @property
    def session(self) -> Session | None:
        """What Run, Step and Branch work on; None before the first run without an edit."""
        return self.player.session

    @property
    def trace(self) -> Trace:
        """The run that is shown."""
        return self.player.trace

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback or a run; None if all is well."""
        return self.player.last_error or self.picker.last_error

    def run(self, steps: int | None = None) -> Trace:
        """Run up to `steps` updates (default: the method's) and wait; returns the trace."""
        return self.player.run(steps)

    def close(self) -> None:
        """Take it off the page, for good. A run that goes on is ended first."""
        self.player.close()
        super().close()

    def branch(self, position: int) -> None:
        """Go back to the step at `position` of the trace; the next run continues from there."""
        self.player.branch(position)

    def still(self) -> Image.Image:
        """Both images over the curves."""
        images = hstack(self.picker.still(self.size), self.player.image(self.size), gap=GAP)
        curves = self.player.view.chart_image(wide=True).reduce(2)
        return vstack(images, curves)

    def caption(self) -> str:
        """What the two images and the curves show."""
        if not len(self.trace):
            return "Left: the start. Right: pale until there is a run, and its curves below."
        return (
            "Left: the start and what is asked for; what a mask holds is pale. Right: the"
            " generated image at one step of the run, with the curves of the run below."
            f" {self.player.view.marks()}"
        )

    def __repr__(self) -> str:
        return f"Studio({self.picker!r}, {self.trace!r})"

    def _layout(self) -> W.Widget:
        view, controls = self.player.view, self.player.controls
        # Above both images: narrow pages stack them, and what Run does should stay in sight.
        half = {"flex": f"1 1 {NARROW}px", "min_width": "0"}
        start = column(self.picker.start_row, **half)
        run = column(controls.run.row, self.player.status.line, **half)
        pick = column(self.picker.view.canvas.canvas, self.picker.tools_box, **view.image_layout)
        watch = column(
            view.canvas.canvas,
            controls.score_maps.legend,
            *controls.rows,
            **view.image_layout,
        )
        view.chart.box.add_class("dk-below")  # narrow pages put it below the images
        curves = column(view.chart.box, **view.sizes.chart_layout())
        return card(
            side_by_side(start, run, gap=GAP),
            side_by_side(pick, watch, curves, gap=GAP),
            self.form.box,
            self.interventions.box,
            view.score_panel.box,
        )

    def _new_session(self) -> Session:
        return Session(self.model, self.picker.latent, self.picker.edit, **self.method)

    def _use_method(self, method: dict[str, Any]) -> None:
        """Go on with another method from the step that the run is at.

        A run in the background is ended first, and begun again.
        """
        self._check_no_file("change the method")
        _check_method(self.model, self.picker.latent, method)
        running = self.player.running
        self.player.stop()
        if self.session is not None:
            self.session.swap(**method)
        self.method = method
        self._show_interventions()
        if running:
            self.player.runner.start()
        elif self.session is not None and self.player.state.waiting is None:
            step = self.trace[-1].index
            self.player.say(f"Run goes on from step {step} with the changed method.")

    def _intervene(self, intervention: Intervention) -> None:
        """Do something to the run at the step that is shown, and let it branch there.

        A run in the background is ended first, and begun again.
        """
        self._check_no_file("intervene")
        if self.session is None or self.player.state.waiting is not None:
            raise ValueError(f"{self.player.state.what_next()} Intervene when it has run")
        running = self.player.running
        self.player.stop()
        session = self.player.state.require_session()  # a copy, if the run had to be given up
        at, branches = self.player.at, self.player.state.can_branch
        try:
            if branches:
                session.copy().rewind(at).intervene(intervention)  # what it raises changes nothing
                self.player.branch(at)
            session.intervene(intervention)
        finally:
            if running:
                self.player.runner.start()

        self._show_interventions()
        if not running:
            grey = " The run before is grey in the curves." if branches else ""
            step = self.trace[-1].index
            self.player.say(f"{intervention}: Run goes on with it from step {step}.{grey}")

    def _check_no_file(self, deed: str) -> None:
        """Raise ValueError while a file is being written."""
        if self.player.state.task == "file":
            raise ValueError(
                f"a file is being written; {deed} when that is done, or press Stop first"
            )

    def _show_interventions(self) -> None:
        self.interventions.fill(self.session)

    def _pale_image(self) -> np.ndarray:
        return self.picker.view.image // 2 + np.uint8(127)

    def _edit_changed(self) -> None:
        """The picker's edit is no longer the session's: Run will start again."""
        self.player.state.blank = self._pale_image()
        self.player.wait_for(ready=not self.picker.draft.problem())

    def _start_run(self) -> None:
        """Before a run: start again if the picker has changed."""
        self.picker.settle()
        self.picker.leftovers.settle()
        if self.player.state.waiting is None:
            return
        if self.session:
            self.session.swap(**self.method).restart(self.picker.latent, self.edit)
        else:
            self.player.show(self._new_session())
        self.player.state.waiting = None
        self._show_interventions()

    def _load_opened(self) -> None:
        """After a file was opened: show its start and edit in the picker."""
        start = self.trace[0]
        self.picker.load(start.latent.to(self.model.device), start.edit)
        self.player.state.waiting = None
        self._show_interventions()


def _check_names(method: Mapping[str, Any]) -> None:
    """Raise TypeError if `method` has a piece that no method has."""
    pieces = list(Method.__annotations__)
    for name in method.keys() - set(pieces):
        raise TypeError(
            f"Studio has no argument {name!r}{nearest(name, [*OWN_ARGUMENTS, *pieces])}; it takes"
            f" {', '.join(OWN_ARGUMENTS)}, and the pieces of a method: {', '.join(pieces)}"
        )


def _check_method(model: Model, latent: Tensor, method: Mapping[str, Any]) -> None:
    """Raise what a drag would, before there is an edit: one is begun, and never continued."""
    height, width = model.size
    middle = [((width - 1) / 2, (height - 1) / 2)]
    drag(model, latent, Edit(middle, middle), **method)
