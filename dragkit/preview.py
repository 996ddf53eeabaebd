"""Iterations of a search, shown while they run: a progress bar, and an image in a notebook."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tqdm.auto import tqdm

from .compose import draw_overlay, encode, hstack
from .models.inversion import Inversion
from .pixels import to_uint8

PREVIEW_SECONDS = 0.5  # between two images
PREVIEW_SIZE = 256  # px, the side of each of them

Callback = Callable[[Inversion], Any]


def follow(
    iterations: Iterator[Inversion], stage: str, steps: int, callback: Callback | None
) -> tuple[Inversion | None, bool]:
    """The best that `iterations` found, and whether they came to their end.

    An interrupt ends them early with the best so far.
    """
    preview = Preview()
    if callback is None and _in_notebook():
        callback = preview.show_now_and_then

    found = None
    with tqdm(iterations, stage, steps, unit="iteration") as bar:
        try:
            for found in bar:
                bar.set_postfix_str(f"{found.psnr:.1f} dB", refresh=False)
                if callback:
                    callback(found)
        except KeyboardInterrupt:
            if found:
                count = len(found.losses[stage])
                bar.write(
                    f"interrupted after {count} iterations: the best is kept, with"
                    f" {found.psnr:.1f} dB"
                )
            return found, False
        finally:
            if found and callback == preview.show_now_and_then:
                preview.show(found)
    return found, True


class Preview:
    """The target and, beside it, the best so far, under the cell that runs."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.last = -math.inf

    def show_now_and_then(self, found: Inversion) -> None:
        """Show it if the last one was shown long enough ago."""
        if time.monotonic() - self.last > PREVIEW_SECONDS:
            self.show(found)

    def show(self, found: Inversion) -> None:
        """Show it now."""
        from IPython.display import Image, display

        target = draw_overlay(to_uint8(found.target), size=PREVIEW_SIZE)
        best = draw_overlay(to_uint8(found.image), size=PREVIEW_SIZE)
        image = Image(encode(hstack(target, best)), format="jpeg")

        if self.handle:
            self.handle.update(image)
        else:
            self.handle = display(image, display_id=True)
        self.last = time.monotonic()


def _in_notebook() -> bool:
    """Whether a kernel runs this, so somebody may be watching."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
