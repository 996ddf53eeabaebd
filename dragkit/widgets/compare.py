"""The widget that shows several runs on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as W
from PIL import Image
from PIL.ImageOps import contain

from ..arguments import named_arguments, shown, whole
from ..compose import hstack, in_rows, marks_in_words, vstack
from ..models.protocols import Model, check_model
from ..pieces import Tracker
from ..records import Frame
from ..runs.html import to_html
from ..runs.retrack import retrack
from ..runs.trace import Trace
from ..runs.video import Film
from .compare_checks import check_runs, check_trackers
from .compare_files import ComparisonFiles
from .compared_images import ComparedImages
from .compared_run import ComparedRun
from .layout import card, column, row, side_by_side, small_row
from .notebook_widget import NotebookWidget
from .playback import PlaybackControls
from .run_images import panels_of_runs
from .score_maps import LEGEND_WIDTH, ScoreMapControls
from .sizes import Sizes, checked_height, image_size
from .status import StatusLine, shows_errors
from .step_chart import StepChart
from .throttle import Throttle

SIZES = (300, 480)  # of an image, and on slides


@named_arguments
class Compare(NotebookWidget):
    """Two or more runs on one time axis: ``Compare(a, b, names=("DragGAN", "StableDrag"))``.

    One slider moves all of them; a run that is shorter stays at its last step. The curves show
    each run's distance and confidence; a click on them shows that step. :meth:`trackers` compares
    trackers on the *same* images. Images of one size are magnified and pulled together, as a
    player's; a page, an image, the curves or a film can be exported.

    Args:
        traces: the runs.
        names: one each; default: "run 0", "run 1", …
        size: height of each image on the page, in CSS pixels; None: as the page has room for it.
        slides: for a lecture hall: as large as the window, with only play, step and the slider to
            press.

    Attributes:
        images: of all runs, with their layers and what part of them is shown.
        steps: the numbers of the steps that some run has.
        chart: the curves.
        playback: which step is shown.
        score_maps: which score window is shown.
        files: what can be exported.

    Raises:
        TypeError: a run is none, or the names are no list of texts.
        ValueError: fewer than two runs, one without steps, names that do not fit, or a size that
            cannot be shown.
    """

    status: StatusLine

    def __init__(
        self,
        *traces: Trace,
        names: Sequence[str] | None = None,
        size: int | None = None,
        slides: bool = False,
    ) -> None:
        names = check_runs(traces, names)
        self.traces = dict(zip(names, traces))
        self.steps = sorted({frame.index for trace in traces for frame in trace})
        self._at = 0
        self._draw_soon = Throttle(self._draw)
        self.sizes = _sizes(size, slides)
        times = self.sizes.times

        self.status = StatusLine()
        legend_width = 384
        if slides:
            legend_width = 2 * LEGEND_WIDTH
        self.score_maps = ScoreMapControls(legend_width, self._choose_map, slides)
        self.score_maps.fill(_frame_with_most_maps(traces))
        self.chart = StepChart(self.sizes, self.status, self._choose_step, self._press_key)
        self.playback = PlaybackControls(self._seek_soon, self._position, times)
        self.images = ComparedImages(
            self.traces,
            self.sizes,
            self.score_maps,
            self._choose_map,
            self._draw_soon,
            self._press_key,
        )
        self.files = ComparisonFiles(self, self.status)
        self.box = self._layout()
        self._update_curves()
        self.seek(-1)

    @classmethod
    def trackers(
        cls,
        model: Model,
        trace: Trace,
        trackers: Mapping[str, Tracker],
        *,
        size: int | None = None,
        slides: bool = False,
        **settings: Any,
    ) -> Compare:
        """What would the other tracker have said? Every one on the images of a recorded run.

        ``Compare.trackers(model, trace, {"nearest": NearestNeighbor(), "learned":
        Discriminative()})``. The images are the same; each tracker follows its own points. See
        :func:`dragkit.runs.retrack`, which takes `settings` (`trust`, `arrive`) and shows a
        progress bar if it takes longer than two seconds.

        Raises:
            TypeError: the trackers are not a dict, or as :func:`dragkit.runs.retrack`.
            ValueError: there are fewer than two, or as :func:`dragkit.runs.retrack`.
        """
        check_model(model)
        check_trackers(trackers)
        image_size(size, slides, *SIZES)
        runs = [retrack(model, trace, tracker, **settings) for tracker in trackers.values()]
        return cls(*runs, names=list(trackers), size=size, slides=slides)

    @property
    def at(self) -> int:
        """The position of the step that is shown, among ``steps``."""
        return self._at

    @property
    def step(self) -> int:
        """The number of the step that is shown."""
        return self.steps[self._at]

    @property
    def handle(self) -> int:
        """Whose curves are shown, by its number, which is the chosen one if all runs have it."""
        last = min(len(trace[0].points) - 1 for trace in self.traces.values())
        return min(self.score_maps.chosen or 0, last)

    @property
    def runs(self) -> dict[str, ComparedRun]:
        """The parts that show a run each, by name."""
        return self.images.runs

    @property
    def frames(self) -> dict[str, Frame]:
        """The frame of each run that is shown, which is its last one if the run is shorter."""
        return {name: run.frame for name, run in self.runs.items()}

    def seek(self, position: int) -> None:
        """Show the step at `position`; negative ones count from the end.

        Raises:
            ValueError: there is no such position.
        """
        count = len(self.steps)
        self._at = whole("position", position, -count, count - 1) % count
        self._draw()

    def image(self, name: str, size: int = 384) -> Image.Image:
        """The step of one run that is shown.

        Raises:
            ValueError: there is no such run, or the size cannot be drawn.
        """
        if not isinstance(name, str) or name not in self.runs:
            raise ValueError(f"no run {shown(name)}; there are {', '.join(self.runs)}")
        return self.runs[name].image(checked_height(size))

    def chart_image(self) -> Image.Image:
        """The curves, twice as large as on the page, or as large as on a slide."""
        return self.chart.image(self.step)

    def close(self) -> None:
        """Take it off the page, for good; what is being written is ended first."""
        self.files.writer.stop()
        super().close()

    def film(self) -> Film:
        """All images beside each other, step by step."""
        return self.images.film(self.steps)

    def to_html(self, path: str | Path, **options: Any) -> Path:
        """Write all runs as one page that needs no kernel: :func:`dragkit.to_html`."""
        return to_html(self.traces, path, **options)

    def still(self) -> Image.Image:
        """The images side by side with their names, over the curves or beside them."""
        times = self.sizes.times
        curves = self.chart_image().reduce(2 // times)
        images = self.images.image(self.sizes.image)
        if not self.sizes.slides:
            curves = in_rows(curves, len(self.chart.panels), len(self.runs))
            size = self.sizes.image * curves.width // images.width
            images = self.images.image(max(size, self.sizes.image))
        if self.score_maps.chosen is not None:
            legend = contain(self.score_maps.legend_image, (2 * LEGEND_WIDTH, 22 * times))
            images = vstack(images, legend)
        if self.sizes.slides:
            return hstack(images, curves)
        return vstack(images, curves)

    def caption(self) -> str:
        """What the images and the curves show."""
        marks = marks_in_words(inset=self.score_maps.chosen is not None)
        shown = (
            "Each run's generated image at the same step, or its last; pale: what a mask holds."
        )
        return f"{shown} {marks}"

    def __repr__(self) -> str:
        return f"Compare({', '.join(f'{name}: {t!r}' for name, t in self.traces.items())})"

    def _layout(self) -> W.Widget:
        slides = bool(self.sizes.slides)
        images = self.images.box
        legend = self.score_maps.legend
        playback = self.playback.one_row(slides)
        self.status.line.layout.min_height = "0"  # empty, most of the time
        if slides:  # the curves beside the images: a projector is wide and not high
            left = column(
                images, legend, playback, flex="0 1 auto", max_width="68%", min_width="0"
            )
            right = column(self.chart.box, **self.sizes.chart_layout())
            return card(
                side_by_side(left, right, gap=24, wrapped=False), self.status.line, slides=True
            )
        rows = (
            playback,
            small_row(*self.images.buttons),
            row(self.score_maps.handle, self.score_maps.map),
            self.files.row,
        )
        return card(images, legend, *rows, self.status.line, self.chart.box)

    def _update_curves(self) -> None:
        self.chart.update(panels_of_runs(self.traces, self.handle))

    @shows_errors
    def _draw(self) -> None:
        self.images.show(self.step)
        self.chart.show(self.step)
        self.playback.fill(len(self.steps), self._at, self.step)

    def _position(self) -> int:
        return self._at

    @shows_errors
    def _choose_map(self) -> None:
        self._update_curves()
        self._draw()

    @shows_errors
    def _choose_step(self, step: float) -> None:
        distances = [abs(number - step) for number in self.steps]
        self._seek_soon(distances.index(min(distances)))

    @shows_errors
    def _seek_soon(self, position: int) -> None:
        self._at = position
        self.images.leave()
        self._draw_soon()

    @shows_errors
    def _press_key(self, name: str) -> None:
        self.playback.press_key(name)


def _frame_with_most_maps(traces: Sequence[Trace]) -> Frame:
    return max((trace[0] for trace in traces), key=lambda frame: len(frame.step.track.maps))


def _sizes(size: int | None, slides: bool) -> Sizes:
    height = image_size(size, slides, *SIZES)
    given = size is not None
    if slides:
        return Sizes(height, (304, 160), given=given, slides=52)
    return Sizes(height, wide=True, given=given)
