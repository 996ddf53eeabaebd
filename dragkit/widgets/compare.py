"""The widget that shows several runs on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as W
from PIL import Image
from PIL.ImageOps import contain

from ..arguments import instance, named_arguments, shown, whole
from ..compose import hstack, in_rows, marks_in_words, vstack
from ..models.protocols import Model, check_model
from ..pieces import Tracker
from ..reading import check_text
from ..records import Frame
from ..runs.html import to_html
from ..runs.retrack import retrack
from ..runs.trace import Trace
from ..validation import check_tracker
from .compared_run import ComparedRun, titled_images
from .layout import card, column, row, side_by_side
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
    trackers on the *same* images.

    Args:
        traces: the runs.
        names: one each; default: "run 0", "run 1", …
        size: height of each image on the page, in CSS pixels; None: as the page has room for it.
        slides: for a lecture hall: as large as the window, with only play, step and the slider to
            press.

    Attributes:
        runs: the parts that show a run each, by name.
        steps: the numbers of the steps that some run has.
        chart: the curves.
        playback: which step is shown.
        score_maps: which score window is shown.

    Raises:
        TypeError: a run is none, or the names are no list of texts.
        ValueError: fewer than two runs, one without steps, names that do not fit, or a size that
            cannot be shown.
    """

    def __init__(
        self,
        *traces: Trace,
        names: Sequence[str] | None = None,
        size: int | None = None,
        slides: bool = False,
    ) -> None:
        names = _check_runs(traces, names)
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
        self.runs = {
            name: ComparedRun(
                name,
                trace,
                self.sizes,
                len(traces),
                self.score_maps,
                self._leave_images,
                self._press_key,
            )
            for name, trace in self.traces.items()
        }
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
        _check_trackers(trackers)
        image_size(size, slides, *SIZES)
        runs = [retrack(model, trace, tracker, **settings) for tracker in trackers.values()]
        return cls(*runs, names=list(trackers), size=size, slides=slides)

    @property
    def at(self) -> int:
        """The position of the step that is shown, among ``steps``."""
        return self._at

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
        return self.chart.image(self.steps[self._at])

    def to_html(self, path: str | Path, **options: Any) -> Path:
        """Write all runs as one page that needs no kernel: :func:`dragkit.to_html`."""
        return to_html(self.traces, path, **options)

    def still(self) -> Image.Image:
        """The images side by side with their names, over the curves or beside them."""
        times = self.sizes.times
        curves = self.chart_image().reduce(2 // times)
        images = titled_images(self.runs.values(), self.sizes.image)
        if not self.sizes.slides:
            curves = in_rows(curves, len(self.chart.panels), len(self.runs))
            size = self.sizes.image * curves.width // images.width
            images = titled_images(self.runs.values(), max(size, self.sizes.image))
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
        images = side_by_side(*(run.box for run in self.runs.values()), wrapped=not slides)
        legend = self.score_maps.legend
        playback = self.playback.one_row(slides)
        self.status.line.layout.min_height = "0"  # it only has errors
        if slides:  # the curves beside the images: a projector is wide and not high
            left = column(
                images, legend, playback, flex="0 1 auto", max_width="68%", min_width="0"
            )
            right = column(self.chart.box, **self.sizes.chart_layout())
            return card(
                side_by_side(left, right, gap=24, wrapped=False), self.status.line, slides=True
            )
        maps = row(self.score_maps.handle, self.score_maps.map)
        return card(images, legend, playback, maps, self.chart.box, self.status.line)

    def _update_curves(self) -> None:
        """Draw the curves of the chosen handle, or of the last one that all runs have."""
        last = min(len(trace[0].points) - 1 for trace in self.traces.values())
        handle = min(self.score_maps.chosen or 0, last)
        self.chart.update(panels_of_runs(self.traces, handle))

    @shows_errors
    def _draw(self) -> None:
        step = self.steps[self._at]
        for run in self.runs.values():
            run.show(step)
        self.chart.show(step)
        self.playback.fill(len(self.steps), self._at, step)

    def _position(self) -> int:
        return self._at

    def _leave_images(self) -> None:
        """The mouse is on one image at most: report the step under all of them."""
        for run in self.runs.values():
            run.leave()

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
        self._leave_images()
        self._draw_soon()

    @shows_errors
    def _press_key(self, name: str) -> None:
        self.playback.press_key(name)


def _check_runs(traces: Sequence[Trace], names: Sequence[str] | None) -> list[str]:
    """The runs' names, if they fit."""
    for i, trace in enumerate(traces):
        instance(f"run {i}", trace, Trace, "one Trace after the other: Compare(a, b)")
    if len(traces) < 2 or not all(len(trace) for trace in traces):
        raise ValueError(
            f"Compare needs two runs or more with at least one step each; got {len(traces)}"
            f" with {[len(trace) for trace in traces]} steps"
        )
    if names is None:
        return [f"run {i}" for i in range(len(traces))]
    instance("names", names, (list, tuple), 'a list of texts, such as ("DragGAN", "mine")')
    for name in names:
        instance("a name", name, str, "a text")
        check_text(name, "a name")
    if not len(names) == len(set(names)) == len(traces):
        raise ValueError(
            f"{len(traces)} runs but the names {list(names)}; give each a name of its own"
        )
    return list(names)


def _check_trackers(trackers: Mapping[str, Tracker]) -> None:
    """Raise TypeError or ValueError unless they are two or more trackers by name."""
    way_out = 'two or more by name, such as {"small": NearestNeighbor(12), "mine": Mine()}'
    instance("trackers", trackers, Mapping, way_out)
    if len(trackers) < 2:
        raise ValueError(f"there are {len(trackers)} trackers; give {way_out}")
    for name, tracker in trackers.items():
        instance("a tracker's name", name, str, "a text")
        check_text(name, "a tracker's name")
        check_tracker(tracker)


def _frame_with_most_maps(traces: Sequence[Trace]) -> Frame:
    return max((trace[0] for trace in traces), key=lambda frame: len(frame.step.track.maps))


def _sizes(size: int | None, slides: bool) -> Sizes:
    height = image_size(size, slides, *SIZES)
    given = size is not None
    if slides:
        return Sizes(height, (304, 160), given=given, slides=52)
    return Sizes(height, wide=True, given=given)
