"""Which step is shown: play, slow motion, one step back or on, a slider."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as W

from .base import button

# ms a step
SPEEDS = (("normal", 80), ("half speed", 160), ("slow motion", 400), ("one a second", 1000))


class Transport:
    """Play, step and slide over the steps of a run; calls ``seek(position)``.

    Args:
        width: of the slider's line in CSS pixels.
        seek: called with the position that has been chosen.
        now: tells the position that is shown.
        times: how much larger than usual.
    """

    def __init__(
        self, width: int, seek: Callable[[int], None], now: Callable[[], int], times: int = 1
    ) -> None:
        self.seek, self.now = seek, now
        # its own buttons have no names to be read out
        self.timer = W.Play(interval=SPEEDS[0][1], layout=W.Layout(display="none"))
        self.start = button("", "play", "Play the steps, or pause", self._play)
        self.play = W.Box([self.start, self.timer])
        self.slider = W.IntSlider(
            min=0,
            max=0,
            readout=False,
            description="Step",
            tooltip="Show any step",
            layout=W.Layout(width=f"{width - 122 * times}px"),
        )
        self.slider.style.description_width = f"{34 * times}px"
        self.number = W.Label(layout=W.Layout(width=f"{28 * times}px"))
        self.bar = W.HBox([self.slider, self.number])
        W.jslink((self.timer, "value"), (self.slider, "value"))
        self.timer.observe(
            lambda change: setattr(self.start, "icon", "pause" if change["new"] else "play"),
            "playing",
        )
        self.slider.observe(self._slid, "value")
        self.back = button("", "chevron-left", "One step back", lambda: self._by(-1))
        self.on = button("", "chevron-right", "One step on", lambda: self._by(1))
        for part in (self.start, self.back, self.on):
            part.layout = W.Layout(width=f"{36 + 12 * (times - 1)}px")
        self.speed = W.Dropdown(
            options=SPEEDS, tooltip="How fast Play goes", layout=W.Layout(width="118px")
        )
        self.speed.observe(lambda change: setattr(self.timer, "interval", change["new"]), "value")

    def fill(self, steps: Sequence[int], at: int) -> None:
        """Show that of the kept `steps`, by their numbers, the one at position `at` is shown."""
        count = len(steps)
        self.slider.max = self.timer.max = max(count - 1, 0)
        self.slider.value = at
        self.number.value = str(steps[at]) if count else ""

    def lock(self, locked: bool) -> None:
        """While a run goes on nothing can be chosen."""
        for part in (self.start, self.slider, self.back, self.on):
            part.disabled = locked

    def key(self, name: str) -> None:
        """What a key does while an image has the focus: arrows step, Home and End go to the ends,
        space plays.
        """
        if self.slider.disabled:
            return
        if name == " ":
            self._play()
        elif name in ("ArrowLeft", "ArrowRight"):
            self._by(1 if name == "ArrowRight" else -1)
        elif name in ("Home", "End"):
            self.seek(0 if name == "Home" else self.slider.max)

    def _play(self) -> None:
        self.timer.playing = not self.timer.playing

    def _by(self, steps: int) -> None:
        self.seek(min(max(self.now() + steps, 0), self.slider.max))

    def _slid(self, change) -> None:
        if change["new"] != self.now():  # else it was `fill`
            self.seek(change["new"])
