"""A button for an image of your own: its latent is searched for in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ipywidgets as W

from ..inversion import domain_warning, iter_inversion
from ..models.inversion import Inversion
from ..models.protocols import Invertible, Model
from .background import BackgroundRunner
from .layout import button, set_visible
from .lifetime import weakly
from .status import StatusLine, shows_errors
from .upload_limit import on_connection, upload_limit

PAUSE = 0.3  # seconds between two images of the search


class ImageUpload:
    """Lets a person choose an image, and finds its latent.

    A StyleGAN2 is searched, and Enough ends the search with the best so far. A diffusion model
    inverts an image in a single pass, which cannot be ended: half an inversion is one to another
    strength.

    Args:
        model: what the image should be an image of; it is not changed. If it cannot invert an
            image, nothing is shown.
        status: where progress, warnings and errors are shown.
        show: called with the best so far, now and then.
        found: called with the last one, once; also after Enough.

    Attributes:
        box: the button, how to fit an image of another shape, and Enough.
        best: the best that was found so far.
    """

    def __init__(
        self,
        model: Model,
        status: StatusLine,
        show: Callable[[Inversion], None],
        found: Callable[[Inversion], None],
    ) -> None:
        self.model = model
        self.steps = _search_steps(model)
        self.status = status
        self.show = show
        self.found = found
        self.runner = BackgroundRunner(self._ended)
        self.best: Inversion | None = None
        self.file = W.FileUpload(
            accept="image/*",
            description=f"Your image, ≤ {upload_limit()} MB",
            tooltip="Find the latent of your image, to drag it",
            layout=W.Layout(width="auto", flex="1 1 auto"),
        )
        self.file.observe(weakly(self._choose), "value")
        self.fit = W.Dropdown(
            options=["crop", "pad", "resize", "native"],
            tooltip="An image of another shape: crop it to its middle, pad it with borders,"
            " stretch it, or take none but of the model's size",
            layout=W.Layout(width="76px"),
        )
        self.enough = button(
            "Enough", "stop", "End the search with the best so far", self.runner.ask_to_stop
        )
        set_visible(self.enough, False)
        layout = W.Layout(flex="1 1 auto", margin="0 0 6px")
        self.box = W.HBox([self.file, self.fit, self.enough], layout=layout)
        set_visible(self.box, isinstance(model, Invertible))
        on_connection(self, self._connected_again)

    @shows_errors
    def _choose(self, change: dict[str, Any]) -> None:
        if not change["new"]:
            return
        (file,) = change["new"]
        self.file.value = ()  # so that the same file can be chosen again
        content = bytes(file["content"])
        iterations = iter_inversion(self.model, content, fit=self.fit.value)
        self._switch(searching=True)
        self.status.say("Looking for your image …")
        self.runner.start(partial(self._search, iterations))

    @shows_errors
    def _connected_again(self) -> None:
        """Tell of an upload that was lost: then, too, the page connects again."""
        if isinstance(self.model, Invertible) and not self.runner.busy:
            self.status.say(
                "The page has connected again. If you had chosen an image, it was lost: a file may"
                f" have {upload_limit()} MB here. Make it smaller, or give its path to"
                " dragkit.invert; python3 run.py lab takes 100 MB."
            )

    def _search(self, iterations: Iterator[Inversion], stop: threading.Event) -> None:
        self.best = None
        last = 0.0
        for i, best in enumerate(iterations):
            self.best = best
            if self.steps and time.monotonic() - last > PAUSE:
                self.show(best)
                progress = f"{i + 1} of {self.steps}, {best.psnr:.1f} dB"
                self.status.say(f"Looking for your image: {progress}")
                last = time.monotonic()
            if stop.is_set():
                break

    @shows_errors
    def _ended(self, error: BaseException | None, _: str | None) -> None:
        try:
            if self.best:
                self.found(self.best)
                self.status.say(self._summary(self.best))
            if error:
                raise error
        finally:
            self._switch(searching=False)

    def _switch(self, searching: bool) -> None:
        set_visible(self.file, not searching)
        set_visible(self.fit, not searching)
        set_visible(self.enough, searching and self.steps is not None)

    def _summary(self, best: Inversion) -> str:
        ended_by_itself = len(best.losses.get("search", ())) == self.steps
        warning = ended_by_itself and domain_warning(best)
        if warning:
            return warning
        return f"Found with {best.psnr:.1f} dB."


def _search_steps(model: Model) -> int | None:
    """Iterations of the model's inversion, or None if it is a single pass or there is none."""
    if isinstance(model, Invertible):
        return model.inversion_settings.get("steps")
    return None
