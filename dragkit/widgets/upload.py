"""A button for an image of one's own: its latent is looked for in the background, the best so far
is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import ipywidgets as W

from ..inversion import STEPS, domain_warning, iter_inversion
from .base import Notice, button, guard
from .runner import Runner

PAUSE = 0.3  # seconds between two images of the search


class Upload:
    """``Upload(model, notice, show, found)``: `box` holds the button, how to fit an image that is
    not square, and Enough.

    Args:
        model: a StyleGAN2, in which the image is looked for, or a diffusion model, which inverts
            it; it is not changed.
        notice: where progress, doubts and errors are told.
        show: called with the best so far, now and then.
        found: called with the last one, once; also after Enough, which a search has alone: half an
            inversion is one to another strength.
    """

    def __init__(self, model, notice: Notice, show: Callable, found: Callable) -> None:
        self.model, self.notice, self.show, self.found = model, notice, show, found
        self.runner, self.best, self.searches = (
            Runner(self._rest),
            None,
            hasattr(model, "generator"),
        )
        self.file = W.FileUpload(
            accept="image/*",
            description="Your image",
            tooltip=(
                "Find the latent of an image of yours (a file of at most some 8 MB), to drag it"
            ),
        )
        self.file.layout = W.Layout(width="auto", flex="1 1 auto")
        self.fit = W.Dropdown(
            options=["crop", "pad"],
            tooltip="An image that is not square: crop it to its middle, or pad it with borders",
        )
        self.fit.layout = W.Layout(width="68px")
        self.enough = button(
            "Enough", "stop", "End the search and keep the best so far", self.runner.ask
        )
        self.enough.layout.display = "none"
        self.box = W.HBox(
            [self.file, self.fit, self.enough], layout=W.Layout(flex="1 1 auto", margin="0 0 6px")
        )
        self.file.observe(self._chosen, "value")

    @guard
    def _chosen(self, change) -> None:
        if not change["new"]:
            return
        (file,) = change["new"]
        self.file.value = ()  # so that the same file can be chosen again
        settings = {"steps": STEPS} if self.searches else {}
        iterations = iter_inversion(
            self.model, bytes(file["content"]), fit=self.fit.value, **settings
        )
        self._switch(searching=True)
        self.notice.say("Looking for your image …")
        self.runner.start(lambda: self._search(iterations))

    def _search(self, iterations) -> None:
        self.best, last = None, 0.0
        for step, self.best in enumerate(iterations):
            if self.searches and time.monotonic() - last > PAUSE:
                self.show(self.best)
                self.notice.say(
                    f"Looking for your image: {step + 1} of {STEPS}, {self.best.psnr:.1f} dB"
                )
                last = time.monotonic()
            if self.runner.stopping:
                break

    @guard
    def _rest(self, error: BaseException | None, _) -> None:
        try:
            if self.best:
                self.found(self.best)
                whole = len(self.best.losses.get("search", ())) == STEPS
                self.notice.say(
                    (whole and domain_warning(self.best))
                    or f"Found with {self.best.psnr:.1f} dB. Check the points: they stay where they were."
                )
            if error:
                raise error
        finally:
            self._switch(searching=False)

    def _switch(self, searching: bool) -> None:
        self.enough.layout.display = "" if searching and self.searches else "none"
        self.file.layout.display = self.fit.layout.display = "none" if searching else ""
