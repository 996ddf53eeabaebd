"""The widget that looks at the features themselves: as colours, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import ipywidgets as W
import numpy as np
from PIL import Image

from ..compose import (
    MEASURES,
    Palette,
    alike,
    draw_overlay,
    encode,
    hstack,
    map_image,
    read,
    scale_bar,
)
from ..runs.trace import Trace
from .base import Notice, Shown, card, guard, row
from .canvas import ARROWS, Surface, Throttle
from .transport import Transport

UNDER = "the pixel under the mouse"
WORDS = {"cosine": "cosine", "distance": "-‖F - f‖"}


class Features(Shown):
    """See what the trackers compare: ``Features(model, trace)``.

    Left the image, in the middle its features as colours (their principal components; the
    colours are fixed by the first frame), right how alike every cell is to one feature f: that
    under the mouse, or a handle's template from the first frame. Move the mouse over any of the
    three; a click holds the place, another lets go. While an image has the focus the arrows move
    the place, and Enter clicks.

    Args:
        model: the one that made the run; it looks at the recorded latents again. Or several by
            name, such as one generator read at its blocks,
            ``{"block 32": load("lion", feature_block=32), …}``: a slider then goes through the
            layers.
        trace: a run with at least one step.
        size: height of each image on the page, in CSS pixels.

    Raises:
        ValueError: the trace is empty, or does not begin at step 0.
    """

    def __init__(self, model, trace: Trace, size: int = 256) -> None:
        if not len(trace):
            raise ValueError("the trace is empty; run a step first")
        if trace[0].index:
            raise ValueError(
                "Features needs a run from its start: templates are read at step 0, this trace"
                f" begins at step {trace[0].index}"
            )
        self.models = dict(model) if isinstance(model, Mapping) else {"features": model}
        self.trace, self.size, self._at, self._layer = trace, size, 0, next(iter(self.models))
        self._looked = lru_cache(maxsize=8)(self._viewed)
        self.coloured = W.Label("features as colours")
        self._learn()
        first, shape = trace[0], trace[0].image.shape[:2]
        self.mouse, self._held = first.points[0].numpy(), False
        self._soon = Throttle(self._draw)
        self._build(shape)
        self._draw()

    @property
    def at(self) -> int:
        """The position of the step that is shown."""
        return self._at

    @property
    def similarity(self) -> np.ndarray:
        """(h w) how alike each cell of the features is to the chosen one."""
        return alike(self._look(self._at), self._wanted(), self.measure.value)

    def seek(self, position: int) -> None:
        """Show the step at `position` of the trace; negative ones count from the end."""
        self._at = range(len(self.trace))[position]
        self._draw()

    def images(self, size: int = 256) -> list[Image.Image]:
        """The step, its features as colours, and the similarity; `size` pixels high."""
        frame, shape = self.trace[self._at], self.trace[0].image.shape[:2]
        colours = self.palette.colours(self._look(self._at))
        shown = draw_overlay(
            frame.image,
            frame.points.numpy(),
            frame.edit.targets.numpy(),
            cursor=(*self.mouse, 3),
            size=size,
        )
        return [
            shown,
            map_image(colours, size, self.mouse, shape),
            map_image(self.similarity, size, self.mouse, shape),
        ]

    def still(self) -> Image.Image:
        """The three images, and the scale of the third."""
        return hstack(
            hstack(*self.images(self.size)),
            scale_bar(self.similarity, WORDS[self.measure.value]).reduce(2),
            stacked=True,
        )

    def __repr__(self) -> str:
        return f"Features({self.trace!r})"

    def _learn(self) -> None:
        """The layer's colours and the handles' templates, from the first step."""
        shape = self.trace[0].image.shape[:2]
        self.palette = Palette.of(self._look(0))
        self.coloured.tooltip = (
            f"features, first 3 principal components: {100 * self.palette.explained:.0f} % of the"
            " variance"
        )
        self.templates = [
            read(self._look(0), p, shape) for p in self.trace[0].edit.handles.numpy()
        ]

    def _here(self) -> np.ndarray:
        """The feature (c) at the mouse."""
        return read(self._look(self._at), self.mouse, self.trace[0].image.shape[:2])

    def _wanted(self) -> np.ndarray:
        """The feature f (c) that the others are compared with."""
        return self._here() if self.query.value < 0 else self.templates[self.query.value]

    def _look(self, at: int) -> np.ndarray:
        """The features (c h w) of the step at `at`, by the layer that is shown."""
        return self._looked(self._layer, at)

    def _viewed(self, layer: str, at: int) -> np.ndarray:
        model = self.models[layer]
        view = model.view(self.trace[at].latent.to(getattr(model, "device", "cpu")))
        return view.features.detach().cpu().numpy()

    def _build(self, shape: tuple[int, int]) -> None:
        self.surfaces = [
            Surface(shape, self.size, self._pointed, self._key, style="dk-look") for _ in range(3)
        ]
        width = round(self.size * shape[1] / shape[0])
        title = lambda text: W.Label(text, layout=W.Layout(width=f"{width}px"))
        self.notice = Notice(3 * width)
        handles = [(f"handle {i}'s template (step 0)", i) for i in range(len(self.templates))]
        self.query = W.Dropdown(
            options=[(UNDER, -1), *handles], description="f is of", layout=W.Layout(width="300px")
        )
        self.measure = W.Dropdown(
            options=[(WORDS[m], m) for m in MEASURES],
            description="measure",
            layout=W.Layout(width="190px"),
        )
        self.layer = W.SelectionSlider(
            options=list(self.models),
            description="layer",
            tooltip="Which features",
            layout=W.Layout(width="360px"),
        )
        for part in (self.layer, self.query, self.measure):
            part.style.description_width = "64px"
            part.observe(self._chose, "value")
        self.transport = t = Transport(400, self._sought, lambda: self._at)
        self.bar = W.Image(format="jpeg", layout=W.Layout(width="384px", height="22px"))
        self.coloured.layout.width = f"{width}px"
        titles = (title("image"), self.coloured, title("similarity to the feature f"))
        columns = [W.VBox([name, surface.canvas]) for name, surface in zip(titles, self.surfaces)]
        images = W.HBox(columns, layout=W.Layout(flex_flow="row wrap", grid_gap="12px"))
        line = lambda *parts: row(*parts, width=3 * width + 24)
        self.box = card(
            images,
            self.bar,
            self.notice.line,
            line(t.play, t.bar, t.back, t.on, t.speed),
            line(*[self.layer] * (len(self.models) > 1), self.query, self.measure),
        )

    @guard
    def _draw(self) -> None:
        shown = self.images(2 * self.size)
        for surface, image in zip(self.surfaces, shown):
            surface.show(lambda _, image=image: image)
        self.bar.value = encode(scale_bar(self.similarity, WORDS[self.measure.value]))
        self.transport.fill([f.index for f in self.trace], self._at)
        self._say()

    def _say(self) -> None:
        here = alike(self._here()[:, None, None], self._wanted(), self.measure.value)[0, 0]
        x, y = self.mouse
        held = " (held: click to let go)" if self._held else ""
        name = self.query.label if self.query.value >= 0 else "itself"
        self.notice.say(
            f"step {self.trace[self._at].index} · pixel ({x:g}, {y:g}):"
            f" {WORDS[self.measure.value]} to {name} {here:.3g}{held}"
        )

    @guard
    def _pointed(self, kind: str, x: float, y: float) -> None:
        height, width = self.trace[0].image.shape[:2]
        if kind == "press":
            self._held = not self._held
        if kind == "press" or (kind == "move" and not self._held):
            self.mouse = np.array(
                [np.clip(round(x), 0, width - 1), np.clip(round(y), 0, height - 1)], float
            )
            self._soon()

    @guard
    def _key(self, name: str) -> None:
        if name in ("Enter", " "):
            self._pointed("press", *self.mouse)
        elif name in ARROWS:
            self._held = False
            self._pointed("move", *(self.mouse + ARROWS[name]))

    @guard
    def _chose(self, _) -> None:
        if self._layer != self.layer.value:
            self._layer = self.layer.value
            self._learn()
        self._draw()

    @guard
    def _sought(self, position: int) -> None:
        self._at = position
        self._soon()
