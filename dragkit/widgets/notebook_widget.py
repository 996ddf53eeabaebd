"""How a widget appears in a notebook: live, and as a still image that is saved with it."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import ipywidgets as W
from PIL import Image

from ..compose import captioned, encode, png
from .lifetime import close_with, now_shown
from .status import Status

if TYPE_CHECKING:
    from IPython.display import DisplayHandle


REVIVE = "Run this cell to make it live."


class NotebookWidget(ABC):
    """The display protocol of a notebook, for an object that has a box and a still image.

    A cell gets two outputs: the live one, and the still image, which the style sheet of the live
    one hides; so a page without a kernel, or whose kernel was started again, shows the image. Only
    the second is updated: updating the live one would build its view again and lose the focus and
    the place on the page.

    Attributes:
        status: where messages and errors are shown.
    """

    status: Status
    _box: W.Widget
    _still_output: DisplayHandle | None = None
    _empty: W.Widget | None = None

    @property
    def box(self) -> W.Widget:
        """What is shown live; it is closed when nobody has this object any longer."""
        return self._box

    @box.setter
    def box(self, box: W.Widget) -> None:
        self._box = box
        self._closing = close_with(self)

    def close(self) -> None:
        """Take it off the page, for good. A run that goes on is ended first."""
        self._closing()

    @abstractmethod
    def still(self) -> Image.Image:
        """What the widget shows now, as an image."""

    def caption(self) -> str:
        """What the still image shows, in words that go below it; empty if it says so itself."""
        return ""

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback or of a run; None if all is well."""
        return self.status.last_error

    def snapshot(self) -> bytes:
        """What the widget shows now, as PNG bytes."""
        return png(self.still())

    def refresh_still(self) -> None:
        """Put the present image into the notebook, so that it is what gets saved."""
        if self._still_output is not None:
            self._still_output.update(self._still_bundle(), raw=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return _bundle(self.box, repr(self)) | self._image()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        name = type(self).__name__
        text = f"{name}: live where a kernel runs; here its last image."
        now_shown(self)
        display(_bundle(self.box, text), raw=True)
        self._still_output = display(self._still_bundle(), raw=True, display_id=True)

    def _still_bundle(self) -> dict[str, Any]:
        still = {"text/plain": repr(self)} | self._image()
        if not _hides_outputs_by_widgets():
            return still
        if self._empty is None:
            self._empty = W.Box(layout=W.Layout(display="none"))
        return _bundle(self._empty, repr(self)) | still

    def _image(self) -> dict[str, str]:
        image = captioned(self.still(), f"{self.caption()} {REVIVE}".strip())
        return {"image/jpeg": b64encode(encode(image, quality=80, fine=True)).decode()}


def _bundle(widget: W.Widget, text: str) -> dict[str, Any]:
    return dict(widget._repr_mimebundle_() or {}) | {"text/plain": text}


def _hides_outputs_by_widgets() -> bool:
    """Whether an empty widget must hide the image: style sheets do not reach other outputs there.

    So it is in VS Code and in Colab; but the image is hidden, too, once the kernel is another one.
    """
    return "VSCODE_PID" in os.environ or "google.colab" in sys.modules
