"""The widget that shows several runs on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as W
from PIL import Image, ImageDraw
from PIL.ImageOps import contain

from ..compose import chart, font, hstack, step_at
from ..records import Frame
from ..runs.retrack import retrack
from ..runs.trace import Trace
from . import views
from .base import Notice, Shown, card, guard, row
from .canvas import Surface, Throttle
from .score_maps import TIGHT, Windows
from .transport import Transport


class Compare(Shown):
    """Two or more runs on one time axis: ``Compare(a, b, names=("DragGAN", "StableDrag"))``.

    One slider moves all of them; a run that is shorter holds its last step. The curves show each
    run's distance and confidence; a click on them shows that step. :meth:`trackers` compares
    trackers on the *same* images.

    Args:
        traces: the runs.
        names: one each; default: "run 0", "run 1", …
        size: height of each image on the page, in CSS pixels; default 300, and 480 on slides.
        slides: for a lecture hall: all twice as large, and no more to press than play, step and
            slider.

    Raises:
        ValueError: fewer than two runs, one without steps, or names that do not fit.
    """

    def __init__(
        self,
        *traces: Trace,
        names: Sequence[str] | None = None,
        size: int | None = None,
        slides: bool = False,
    ) -> None:
        names = [f"run {i}" for i in range(len(traces))] if names is None else list(names)
        if len(traces) < 2 or not all(len(t) for t in traces):
            raise ValueError(
                f"Compare needs two runs or more with at least one step each; got {len(traces)}"
                f" with {[len(t) for t in traces]} steps"
            )
        if len(set(names)) != len(traces):
            raise ValueError(
                f"{len(traces)} runs but the names {names}; give each a name of its own"
            )
        self.slides, self.times, self.size = (
            slides,
            2 if slides else 1,
            size or (480 if slides else 300),
        )
        self.runs, self._at = dict(zip(names, traces)), 0
        self.steps = sorted({f.index for t in traces for f in t})
        self.notice = Notice(self.size)
        self._pulled, self._over, self._soon = False, "", Throttle(self._draw)
        self._build()
        self.seek(-1)

    @classmethod
    def trackers(
        cls,
        model,
        trace: Trace,
        trackers: Mapping[str, Any],
        *,
        size: int | None = None,
        slides: bool = False,
        **settings: Any,
    ) -> Compare:
        """What would the other one have said here? Every tracker on the frames of one recorded
        run.

        ``Compare.trackers(model, trace, {"nearest": NearestNeighbor(), "learned":
        Discriminative()})``. The images are the same; each tracker follows its own points. See
        :func:`dragkit.runs.retrack`, which takes `settings` (`trust`, `arrive`) and shows a
        progress bar where it takes longer than two seconds.
        """
        runs = [retrack(model, trace, tracker, **settings) for tracker in trackers.values()]
        return cls(*runs, names=list(trackers), size=size, slides=slides)

    @property
    def at(self) -> int:
        """The position of the step that is shown, among ``steps``."""
        return self._at

    @property
    def frames(self) -> dict[str, Frame]:
        """What is shown: of every run the step of that number, or the last one before."""
        step = self.steps[self._at]
        return {
            name: max((f for f in t if f.index <= step), key=lambda f: f.index, default=t[0])
            for name, t in self.runs.items()
        }

    def seek(self, position: int) -> None:
        """Show the step at `position`; negative ones count from the end."""
        self._at = range(len(self.steps))[position]
        self._draw()

    def image(self, name: str, size: int = 384) -> Image.Image:
        """One run's step that is shown."""
        trace, frame, handle = self.runs[name], self.frames[name], self.windows.handle.value
        handle = handle if handle is not None and handle < len(frame.points) else None
        return views.image(trace, trace.frames.index(frame), handle, self.windows.map.value, size)

    def chart_image(self) -> Image.Image:
        """The curves, twice as large as on the page, or as large as on a slide."""
        return chart(self._panels(), self.steps[self._at], self.chart_size)

    def still(self) -> Image.Image:
        """The images side by side with their names, over the curves."""
        images = [
            hstack(_title(name, p.width, self.times), p, gap=0, stacked=True)
            for name, p in ((n, self.image(n, self.size)) for n in self.runs)
        ]
        column = hstack(*images)
        if self.windows.handle.value is not None:
            column = hstack(
                column, contain(self.windows.key, (2 * TIGHT, 22 * self.times)), stacked=True
            )
        return hstack(column, self.chart_image().reduce(2 // self.times), stacked=not self.slides)

    def __repr__(self) -> str:
        return f"Compare({', '.join(f'{name}: {trace!r}' for name, trace in self.runs.items())})"

    def _build(self) -> None:
        self.surfaces, self.lines, columns = {}, {}, []
        for name, trace in self.runs.items():
            shape = trace[0].image.shape[:2]
            surface = Surface(
                shape,
                self.size,
                lambda *mouse, name=name: self._pointed(name, *mouse),
                self._pressed,
                style="dk-look",
            )
            width = round(self.size * shape[1] / shape[0])
            label = W.Label(
                name, layout=W.Layout(width=f"{width}px"), style={"font_weight": "bold"}
            )
            self.surfaces[name], self.lines[name] = surface, Notice(width)
            columns.append(W.VBox([label, surface.canvas, self.lines[name].line]))
        wide = sum(int(c.children[0].layout.width[:-2]) for c in columns) + 12 * (len(columns) - 1)
        # shown `times` as large
        self.chart_size = (
            (5 * self.size // 8, 5 * self.size // 8) if self.slides else (max(wide, 600), 210)
        )
        self.chart = Surface(
            self.chart_size[::-1],
            self.times * self.chart_size[1],
            self._charted,
            self._pressed,
            style="dk-seek",
        )
        self.transport = Transport(400 * self.times, self._sought, lambda: self._at, self.times)
        self.windows = Windows(
            self.size, 384 if self.times == 1 else 2 * TIGHT, self._draw, self._say, self.slides
        )
        self.windows.fill(
            max((t[0] for t in self.runs.values()), key=lambda f: len(f.step.track.maps))
        )
        t, w = self.transport, self.windows
        images = W.HBox(columns, layout=W.Layout(flex_flow="row wrap", grid_gap="12px"))
        line = lambda *parts: row(*parts, width=max(wide, 600) + 60)
        lines = (
            [line(t.play, t.back, t.on, t.bar)]
            if self.slides
            else [line(t.play, t.bar, t.back, t.on, t.speed), line(w.handle, w.map)]
        )
        parts = [images, w.legend, *lines]
        if self.slides:  # the curves beside the images: a projector is wide and not high
            parts = [
                W.HBox(
                    [W.VBox(parts), self.chart.canvas],
                    layout=W.Layout(flex_flow="row wrap", grid_gap="24px"),
                )
            ]
        else:
            parts.append(self.chart.canvas)
        self.box = card(*parts, self.notice.line, slides=self.slides)

    def _panels(self) -> list:
        return views.side_by_side(
            self.runs,
            min(
                self.windows.handle.value or 0, *(len(t[0].points) - 1 for t in self.runs.values())
            ),
        )

    @guard
    def _draw(self) -> None:
        for name, surface in self.surfaces.items():
            surface.show(lambda size, name=name: self.image(name, size))
        self.chart.show(lambda _: self.chart_image())
        self.transport.fill(self.steps, self._at)
        self._say()

    @guard
    def _say(self) -> None:
        """Under each image the step it shows, or what lies under the mouse in all of them."""
        mouse = self.windows.mouse
        for name, frame in self.frames.items():
            step, last = self.steps[self._at], self.runs[name][-1]
            ended = (
                " (ended)" if last.index < step else " (begins here)" if frame.index > step else ""
            )
            words = f"step {' · '.join(str(frame).split('  ')).strip(' ·')}{ended}"
            self.lines[name].say(
                (
                    mouse
                    and mouse[0] == "image"
                    and self._over == name
                    and self.windows.words(frame)
                )
                or words
            )

    @guard
    def _pointed(self, name: str, kind: str, x: float, y: float) -> None:
        self._over = name
        self.windows.at("image", kind, x, y)

    @guard
    def _pressed(self, key: str) -> None:
        self.transport.key(key)

    @guard
    def _charted(self, kind: str, x: float, y: float) -> None:
        self._pulled = kind == "press" or (self._pulled and kind == "move")
        step = step_at(x + 0.5, y + 0.5, self._panels(), self.chart_size) if self._pulled else None
        if step is not None:
            self._sought(min(range(len(self.steps)), key=lambda i: abs(self.steps[i] - step)))

    @guard
    def _sought(self, position: int) -> None:
        self._at = position
        self.windows.leave()
        self._soon()


def _title(name: str, width: int, times: int) -> Image.Image:
    sheet = Image.new("RGB", (width, 24 * times), "white")
    ImageDraw.Draw(sheet).text((2, 3), name, (32, 33, 36), font(15 * times))
    return sheet
