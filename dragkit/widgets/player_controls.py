"""What is pressed in a player: run, play the steps, choose a score map, save and open."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from .layout import button, row, set_visible, small_row
from .playback import PlaybackControls
from .player_state import PlayerState
from .player_view import PlayerView
from .run_files import FileControls
from .sizes import Sizes


class RunButtons:
    """Run, Stop, Step and Branch; each calls the function of its name.

    Args:
        run: runs in the background.
        stop: ends that.
        step: makes a single step.
        branch: goes back to the step that is shown.
    """

    def __init__(
        self,
        run: Callable[[], None],
        stop: Callable[[], None],
        step: Callable[[], None],
        branch: Callable[[], None],
    ) -> None:
        tip = "Run until all handles have arrived, or the steps are used up"
        self.run = button("Run", "play", tip, run, button_style="primary")
        self.stop = button("Stop", "stop", "Stop after the present step; nothing is lost", stop)
        self.step = button("Step", "plus", "Make a single step", step)
        tip = "Continue from the step that is shown; the run so far is kept"
        self.branch = button("Branch here", "code-fork", tip, branch)
        self.row = row(self.run, self.stop, self.step, self.branch)

    def fill(self, state: PlayerState) -> None:
        """Enable what makes sense; a trace has no such buttons."""
        set_visible(self.row, not state.recorded, "flex")
        for name, can in state.can.items():
            getattr(self, name).disabled = not can


class PlayerControls:
    """The controls of a player, as rows.

    Attributes:
        run: the buttons of a session.
        playback: which step is shown.
        score_maps: which score window is shown.
        whole: whether the score map of the whole image is shown.
        files: save, open, export.
        rows: all but the buttons of a session; on slides only the playback.
    """

    def __init__(
        self,
        sizes: Sizes,
        run: RunButtons,
        playback: PlaybackControls,
        view: PlayerView,
        files: FileControls,
    ) -> None:
        self.run = run
        self.playback = playback
        self.score_maps = view.score_maps
        self.whole = view.whole
        self.files = files

        self.rows: list[W.Widget] = []
        if sizes.slides:
            self.rows.append(playback.one_row(slides=True))
        else:
            drawn = small_row(*view.layers.buttons.values(), view.zoom.row)
            chosen = self.score_maps
            maps = row(chosen.handle, chosen.map, chosen.large, self.whole.button)
            self.rows += [*playback.two_rows(), drawn, maps, files.row]

    def fill(self, state: PlayerState) -> None:
        """Show the position, and enable what makes sense."""
        count, frame = len(state.trace), state.frame
        self.playback.fill(count, state.at, None if frame is None else frame.index)
        self.playback.lock(state.running or count < 2)
        self.run.fill(state)
        self.whole.fill(self.score_maps.chosen)
        self.files.fill()
