"""Which step is shown: play, slow motion, one step back or forward, a slider."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ipywidgets as W

from .layout import button, on_change, row
from .lifetime import weakly

NORMAL = 80  # ms a step
SPEEDS = (
    ("fast", 40),
    ("normal", NORMAL),
    ("half speed", 160),
    ("slow motion", 400),
    ("one a second", 1000),
)


class PlaybackControls:
    """Play, step and slide over the steps of a run.

    Args:
        seek: called with the position that was chosen.
        position: returns the position that is shown.
        times: how much larger than usual.

    Attributes:
        play_button: plays or pauses.
        slider: chooses a step.
        back: one step back.
        forward: one step forward.
        speed: how fast Play goes.
    """

    def __init__(
        self,
        seek: Callable[[int], None],
        position: Callable[[], int],
        times: int = 1,
    ) -> None:
        self.seek = seek
        self.position = position
        self.slider = W.IntSlider(
            min=0,
            max=0,
            readout=False,
            description="Step",
            tooltip="Show any step",
            layout=W.Layout(width="auto", flex="1 1 120px"),
        )
        self.slider.style.description_width = f"{34 * times}px"
        on_change(self.slider, self._slide)
        self.number = W.Label(layout=W.Layout(width=f"{28 * times}px"))

        # a W.Play has buttons of its own, but without names to be read out
        self.timer = W.Play(interval=NORMAL, layout=W.Layout(display="none"))
        self.timer.observe(weakly(self._show_playing), "playing")
        self.link = W.jslink((self.timer, "value"), (self.slider, "value"))

        self.play_button = button("", "play", "Play the steps, or pause", self._play)
        self.back = button("", "chevron-left", "One step back", partial(self._move, -1))
        self.forward = button("", "chevron-right", "One step forward", partial(self._move, 1))
        for part in (self.play_button, self.back, self.forward):
            part.layout.flex = None
            part.layout.width = f"{36 + 12 * (times - 1)}px"
        self.speed = W.Dropdown(
            options=SPEEDS,
            value=NORMAL,
            tooltip="How fast Play goes",
            layout=W.Layout(width="118px"),
        )
        on_change(self.speed, self._set_speed)
        self._play_box = W.Box([self.play_button, self.timer])
        self._slider_box = W.HBox(
            [self.slider, self.number], layout=W.Layout(flex="1 1 180px", max_width="640px")
        )

    def two_rows(self) -> list[W.Widget]:
        """Everything, for a narrow widget."""
        return [
            row(self._play_box, self._slider_box),
            row(self.back, self.forward, self.speed),
        ]

    def one_row(self, slides: bool = False) -> W.Widget:
        """Everything in a row; on slides without the speed, the slider last."""
        moves = [self.back, self.forward]
        if slides:
            return row(self._play_box, *moves, self._slider_box)
        return row(self._play_box, self._slider_box, *moves, self.speed)

    def fill(self, count: int, at: int, step: int | None) -> None:
        """Show a position.

        Args:
            count: how many steps are saved.
            at: the position among them of the one that is shown.
            step: its number; None if there is no step.
        """
        self.slider.max = self.timer.max = max(count - 1, 0)
        self.slider.value = at
        self.number.value = "" if step is None else str(step)

    def lock(self, locked: bool) -> None:
        """While a run continues, no step can be chosen."""
        for part in (self.play_button, self.slider, self.back, self.forward):
            part.disabled = locked

    def press_key(self, name: str) -> None:
        """A key on an image: arrows step, Home and End go to the ends, space plays."""
        if self.slider.disabled:
            return
        if name == " ":
            self._play()
        elif name == "ArrowLeft":
            self._move(-1)
        elif name == "ArrowRight":
            self._move(1)
        elif name == "Home":
            self.seek(0)
        elif name == "End":
            self.seek(self.slider.max)

    def _play(self) -> None:
        self.timer.playing = not self.timer.playing

    def _show_playing(self, _: object) -> None:
        self.play_button.icon = "pause" if self.timer.playing else "play"

    def _set_speed(self) -> None:
        self.timer.interval = self.speed.value

    def _move(self, steps: int) -> None:
        self.seek(min(max(self.position() + steps, 0), self.slider.max))

    def _slide(self) -> None:
        if self.slider.value != self.position():  # else it was `fill`
            self.seek(self.slider.value)
