"""A tracker's scores of the whole image, over the image: where else does it see the content?"""

from __future__ import annotations

from dataclasses import replace

import ipywidgets as W
import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import score_colours
from ..maps import scores
from ..records import Frame
from .layout import set_visible
from .player_state import PlayerState

OPAQUE = 0.8  # of the colours; what is left of the image says where one is


class WholeScores:
    """A button, and what it shows: the chosen score map of the whole image, over the image.

    The tracker searches the image again for it, so there must be a session, whose model can be
    asked; a recorded run has no such button. While a run continues, it shows the image as usual.

    Args:
        state: the run.

    Attributes:
        button: the ipywidget.
    """

    def __init__(self, state: PlayerState) -> None:
        self.state = state
        self._maps: tuple[Frame, dict[str, Tensor]] | None = None
        self.button = W.ToggleButton(
            description="Whole",
            icon="globe",
            tooltip="The score map of the whole image: where else the tracker would see the point",
            layout=W.Layout(width="82px"),
        )

    def fill(self, handle: int | None) -> None:
        """Show the button where there is a model, and enable it where there is a score map."""
        set_visible(self.button, not self.state.recorded)
        self.button.disabled = handle is None or not self._possible()

    def _possible(self) -> bool:
        return self.state.session is not None and not self.state.running

    def of(self, frame: Frame, handle: int | None, name: str) -> Frame:
        """The frame with the scores over its image, if they are wanted and can be had.

        Raises:
            ValueError: the tracker has no window that can be made wider. The button is off then.
        """
        if not self.button.value or handle is None or not self._possible():
            return frame
        try:
            maps = self._maps_of(frame)
        except ValueError:
            self.button.value = False
            raise
        chosen = maps.get(name, next(iter(maps.values())))
        return replace(frame, shown=_over(frame.image, chosen[handle].cpu().numpy()))

    def _maps_of(self, frame: Frame) -> dict[str, Tensor]:
        if self._maps is None or self._maps[0] is not frame:
            session = self.state.require_session()
            self._maps = frame, scores(session.model, session.trace, self.state.at)
        return self._maps[1]


def _over(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A map (h w) in colours over an image, uint8 (H W 3)."""
    colours = Image.fromarray(score_colours(values)[..., :3])
    enlarged = colours.resize(image.shape[1::-1], Image.Resampling.NEAREST)
    below = Image.fromarray(image).convert("L").convert("RGB")
    return np.asarray(Image.blend(below, enlarged, OPAQUE))
