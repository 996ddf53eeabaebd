"""A tracker's scores of the whole image, over the image: where else does it see the content?"""

from __future__ import annotations

from dataclasses import replace

import ipywidgets as W
import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import score_colours
from ..maps import can_search_everywhere, scores
from ..records import Frame
from .layout import set_visible
from .player_state import PlayerState

OPAQUE = 0.8  # of the colours; what is left of the image says where one is


class WholeScores:
    """A button, and what it shows: the chosen score map of the whole image, over the image.

    The tracker searches the image again for it, so there must be a session, whose model can be
    asked; a recorded run has no such button. It cannot be pressed where the tracker has no window,
    or is known by its name only, as in the steps of a file. While a run continues, the image is
    shown as usual.

    Args:
        state: the run.

    Attributes:
        button: the ipywidget.
        values: the scores (h w) that are shown; None while the image is shown as usual.
    """

    def __init__(self, state: PlayerState) -> None:
        self.state = state
        self.values: np.ndarray | None = None
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
        """Whether there is a model to ask, and a tracker that can be asked."""
        frame = self.state.frame
        if self.state.session is None or self.state.running or frame is None:
            return False
        return can_search_everywhere(frame)

    def of(self, frame: Frame, handle: int | None, name: str) -> Frame:
        """The frame with the scores over its image, if they are wanted and can be had."""
        self.values = None
        if not self.button.value or handle is None or not self._possible():
            return frame
        maps = self._maps_of(frame)
        chosen = maps.get(name, next(iter(maps.values())))
        self.values = chosen[handle].cpu().numpy()
        return replace(frame, shown=_over(frame.image, self.values, frame.step.track.stride))

    def _maps_of(self, frame: Frame) -> dict[str, Tensor]:
        if self._maps is None or self._maps[0] is not frame:
            session = self.state.require_session()
            model = session.model_at(self.state.at)
            self._maps = frame, scores(model, session.trace, self.state.at)
        return self._maps[1]


def _over(image: np.ndarray, values: np.ndarray, stride: float) -> np.ndarray:
    """A map (h w) in colours over an image, uint8 (H W 3); a cell is `stride` pixels wide."""
    rows, columns = (
        (np.arange(side) / stride).round().astype(int).clip(max=count - 1)
        for side, count in zip(image.shape, values.shape)
    )
    enlarged = Image.fromarray(score_colours(values)[rows][:, columns, :3])
    below = Image.fromarray(image).convert("L").convert("RGB")
    return np.asarray(Image.blend(below, enlarged, OPAQUE))
