"""The images of all runs of a comparison: shown together, and drawn alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as W
from PIL import Image

from ..compose import hstack
from ..runs.trace import Trace
from ..runs.video import Film
from .compared_run import ComparedRun, Looks
from .layers import LayerButtons
from .layout import side_by_side
from .score_maps import ScoreMapControls
from .sizes import Sizes
from .zoom import Place, Zoom

FRAME, RATE = 384, 15.0  # of a film: height of each image in pixels, and steps a second


class ComparedImages:
    """Draws the step of each run that has a given number, or its last one before.

    Args:
        traces: the runs by name.
        sizes: of the images and their titles.
        score_maps: which score window is drawn.
        changed: called when another layer is chosen.
        zoomed: called when another part of the images is to be shown.
        key: called with the name of a key that was pressed on an image.

    Attributes:
        runs: the parts that show a run each, by name.
        layers: what is drawn over all images.
        zoom: which part of all images is shown; None if they are of several sizes.
        box: the images beside each other.
    """

    def __init__(
        self,
        traces: Mapping[str, Trace],
        sizes: Sizes,
        score_maps: ScoreMapControls,
        changed: Callable[[], None],
        zoomed: Callable[[], None],
        key: Callable[[str], None],
    ) -> None:
        self.score_maps = score_maps
        self.layers = LayerButtons(changed)
        self.zoom: Zoom | None = None
        shapes = {trace[0].size for trace in traces.values()}
        if len(shapes) == 1:  # a part of one image would be none of another
            self.zoom = Zoom(shapes.pop(), zoomed, self._chosen_place, pulls=True)

        looks = Looks(sizes, len(traces), score_maps, self.layers, self.zoom)
        self.runs = {
            name: ComparedRun(name, trace, looks, self.leave, key)
            for name, trace in traces.items()
        }
        boxes = [run.box for run in self.runs.values()]
        self.box = side_by_side(*boxes, wrapped=not sizes.slides)

    @property
    def buttons(self) -> list[W.Widget]:
        """What can be pressed for the layers and for how much is magnified."""
        zoom = [] if self.zoom is None else [self.zoom.row]
        return [*self.layers.buttons.values(), *zoom]

    def show(self, step: int) -> None:
        """Draw the step with that number."""
        for run in self.runs.values():
            run.show(step)
        self.layers.fill([run.frame for run in self.runs.values()])

    def leave(self) -> None:
        """The mouse is on one image at most: report the step under all of them."""
        for run in self.runs.values():
            run.leave()

    def image(self, size: int) -> Image.Image:
        """The images with their names, `size` pixels high, of the step that is shown."""
        return hstack(*(run.titled(run.image(size)) for run in self.runs.values()))

    def film(self, steps: Sequence[int]) -> Film:
        """The images of those steps with what is chosen now; they are drawn when it is written."""
        drawings = [(run, run.drawing()) for run in self.runs.values()]

        def draw(number: int) -> Image.Image:
            step = steps[number]
            images = [run.titled(drawn(run.frame_at(step), FRAME)) for run, drawn in drawings]
            return hstack(*images)

        return Film(draw, len(steps), RATE)

    def _chosen_place(self) -> Place | None:
        """Where the chosen handle is in the first run that has it."""
        for run in self.runs.values():
            handle = self.score_maps.chosen or 0
            if handle < len(run.frame.points):
                x, y = run.frame.points[handle].tolist()
                return x, y
        return None
