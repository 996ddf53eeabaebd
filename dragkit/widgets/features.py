"""The widget that looks at the features themselves: as colours, and how similar they are."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as W
import numpy as np
from PIL import Image

from ..arguments import named_arguments
from ..compose import MEASURES, hstack, scale_bar, vstack
from ..models.protocols import Model
from ..runs.trace import Trace
from .canvas import ARROWS, ImageCanvas, Touch
from .colour_legend import ColourLegend
from .feature_state import FeatureState
from .layout import card, column, on_change, row, side_by_side
from .notebook_widget import NotebookWidget
from .playback import PlaybackControls
from .sizes import Sizes, checked_height, image_size
from .status import StatusLine, shows_errors
from .throttle import Throttle

UNDER_MOUSE = "the pixel under the mouse"
ACROSS = "the pixel under the mouse at step 0"
USUAL = 256  # height at which an image is drawn
NAMES = {"cosine": "cosine", "distance": "-‖F - f‖"}  # of the measures


@named_arguments
class Features(NotebookWidget):
    """See what the trackers compare: ``Features(model, trace)``.

    On the left the image; in the middle its features as colours (their principal components; the
    colours are fixed by the first step); on the right how similar every cell is to one feature f:
    the one under the mouse, or a handle's template from the first step. Move the mouse over any
    of the three; a click fixes the place, another releases it. While an image has the focus, the
    arrows move the place, and Enter clicks.

    f may also be the feature under the mouse *at step 0*. Left and middle then show the first
    step, and the right one shows where its content is in the step that is chosen below.

    Args:
        model: the one that made the run; it views the recorded latents again. Or several by
            name, such as one generator read at its blocks,
            ``{"block 32": load("lion", feature_block=32), …}``: a slider then goes through the
            layers.
        trace: a run with at least one step.
        size: height of each image on the page, in CSS pixels; None: as the page has room for it.

    Attributes:
        state: the step, the layer, the place, and what is compared.
        canvases: the three images.
        layer: which layer is read.
        query: which feature f is.
        measure: how they are compared.
        playback: which step is shown.

    Raises:
        TypeError: a model or the trace is something else.
        ValueError: there is no model, the trace is empty, does not begin at step 0 or is another
            model's, or the size cannot be shown.
    """

    status: StatusLine

    def __init__(
        self, model: Model | Mapping[str, Model], trace: Trace, size: int | None = None
    ) -> None:
        models = dict(model) if isinstance(model, Mapping) else {"features": model}
        self.state = FeatureState(models, trace)
        self.size = image_size(size, usual=USUAL)
        self._sizes = Sizes(self.size, given=size is not None)
        self._fixed = False
        self._draw_soon = Throttle(self._draw)

        self.status = StatusLine()
        self.canvases = [
            ImageCanvas(self.state.image_size, self.size, self._touch, self._press_key)
            for _ in range(3)
        ]
        self.layer, self.query, self.measure = self._choices()
        self.playback = PlaybackControls(self._seek_soon, self._position)
        self.colours_title = self._title("features as colours")
        self.scale = ColourLegend()
        self.box = self._layout()
        self._name_colours()
        self._draw()

    @property
    def at(self) -> int:
        """The position of the step that is shown."""
        return self.state.at

    @property
    def similarity(self) -> np.ndarray:
        """(h w) how similar each cell of the features is to the chosen one."""
        return self.state.similarity

    def seek(self, position: int) -> None:
        """Show the step at `position` of the trace; negative ones count from the end."""
        self.state.seek(position)
        self._draw()

    def images(self, size: int = 256) -> list[Image.Image]:
        """The step, its features as colours, and the similarity; `size` pixels high."""
        return self.state.images(checked_height(size))

    def still(self) -> Image.Image:
        """The three images, and the scale of the third."""
        scale = scale_bar(self.similarity, NAMES[self.state.measure])
        return vstack(hstack(*self.images(self.size)), scale.reduce(2))

    def caption(self) -> str:
        """What the three images show."""
        query = self.query.label
        feature = "the one under the cross" if self.state.handle is None else query
        return (
            "Left: the generated image. Middle: its features as colours. Right: how similar every"
            f" cell is to the feature f, {feature}."
        )

    def __repr__(self) -> str:
        return f"Features({self.state.trace!r})"

    def _choices(self) -> tuple[W.SelectionSlider, W.Dropdown, W.Dropdown]:
        layer = W.SelectionSlider(
            options=list(self.state.models),
            description="layer",
            tooltip="Which features",
            layout=W.Layout(width="360px"),
        )
        handles = range(len(self.state.templates))
        templates = [f"handle {i}'s template (step 0)" for i in handles]
        query = W.Dropdown(
            options=[UNDER_MOUSE, ACROSS, *templates],
            description="f is of",
            layout=W.Layout(width="300px"),
        )
        measure = W.Dropdown(
            options=[(NAMES[measure], measure) for measure in MEASURES],
            description="measure",
            layout=W.Layout(width="190px"),
        )
        for part in (layer, query, measure):
            part.style.description_width = "64px"
            on_change(part, self._choose)
        return layer, query, measure

    def _layout(self) -> W.Widget:
        titles = [
            self._title("image"),
            self.colours_title,
            self._title("similarity to the feature f"),
        ]
        height, width = self.state.image_size
        layout = self._sizes.image_layout(width / height, beside=3, least=180)
        columns = [
            column(title, canvas.canvas, **layout) for title, canvas in zip(titles, self.canvases)
        ]
        choices = [self.query, self.measure]
        if len(self.state.models) > 1:
            choices.insert(0, self.layer)
        return card(
            side_by_side(*columns),
            self.scale.line,
            self.status.line,
            self.playback.one_row(),
            row(*choices),
        )

    def _title(self, text: str) -> W.Label:
        return W.Label(text, layout=W.Layout(width="100%"))

    def _name_colours(self) -> None:
        """How much the colours can show of the layer."""
        percent = 100 * self.state.palette.explained
        text = f"features, first 3 principal components: {percent:.0f} % of the variance"
        self.colours_title.tooltip = text

    @shows_errors
    def _draw(self) -> None:
        images = self.images(2 * self.size)
        for canvas, image in zip(self.canvases, images):
            canvas.show_image(image)
        self.scale.explain_map(self.similarity, NAMES[self.state.measure])
        state = self.state
        self.playback.fill(len(state.trace), state.at, state.trace[state.at].index)
        self.status.say(self._summary())

    def _summary(self) -> str:
        state = self.state
        x, y = state.place
        step = state.trace[state.at].index
        other = self.query.label
        if state.across:
            other = "what was there at step 0"
        elif state.handle is None:
            other = "itself"
        similarity = f"{NAMES[state.measure]} to {other} {state.similarity_here:.3g}"
        text = f"step {step} · pixel ({x:g}, {y:g}): {similarity}"
        if self._fixed:
            text += " (fixed: click to release)"
        return text

    @shows_errors
    def _touch(self, kind: Touch, x: float, y: float) -> None:
        if kind == "press":
            self._fixed = not self._fixed
        if kind == "press" or (kind == "move" and not self._fixed):
            self.state.move_to(x, y)
            self._draw_soon()

    @shows_errors
    def _press_key(self, name: str) -> None:
        x, y = self.state.place
        if name in ("Enter", " "):
            self._touch("press", x, y)
        elif name in ARROWS:
            dx, dy = ARROWS[name]
            self._fixed = False
            self._touch("move", x + dx, y + dy)

    @shows_errors
    def _choose(self) -> None:
        if self.layer.value != self.state.layer:
            self.state.choose_layer(self.layer.value)
            self._name_colours()
        self.state.across = self.query.value == ACROSS
        place = self.query.index - len((UNDER_MOUSE, ACROSS))
        self.state.handle = place if place >= 0 else None
        self.state.measure = self.measure.value
        self._draw()

    def _position(self) -> int:
        return self.state.at

    @shows_errors
    def _seek_soon(self, position: int) -> None:
        self.state.seek(position)
        self._draw_soon()
