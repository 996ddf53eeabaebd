"""The widget that makes an edit: handles, targets and a mask, by mouse, touch or numbers."""

from __future__ import annotations

import random
from collections.abc import Callable

import ipywidgets as W
import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import draw_overlay
from ..records import Edit
from .base import Notice, Shown, button, card, guard, row
from .canvas import ARROWS, Surface
from .draft import Draft, Point
from .pair import Pair
from .tools import Tools
from .upload import Upload


class Picker(Shown):
    """Pick a seed or an image of your own, click a handle, then where it should go; paint what
    may move.

    ``edit = Picker(model).edit``. Pressing on a point takes hold of it; pressing elsewhere and
    dragging makes a pair at once (a finger taps twice instead); Delete removes the selected pair.
    Points can be set by the boxes, too; and while the image has the focus the arrows move a
    cross, and Enter clicks or paints there.

    Args:
        model: offers ``sample(seed)``, ``finish(latent)`` and ``size``, as :func:`dragkit.load`
            returns.
        seed: of the first image, 0 or more.
        edit: what to begin with.
        size: height of the image on the page, in CSS pixels.
        latent: of the first image, in place of a seed: such as ``dragkit.invert`` finds.

    Raises:
        ValueError: at once, if `edit` does not fit the model's image.
    """

    def __init__(
        self,
        model,
        seed: int = 0,
        edit: Edit | None = None,
        size: int = 384,
        latent: Tensor | None = None,
    ) -> None:
        self.model = model
        self.surface = Surface(model.size, size, self._touched, self._key)
        self.draft = Draft(model.size, reach=10 * model.size[0] / size)
        self.draft.load(edit.fit(model.size) if edit else None)
        self.notice = Notice(size)
        self._listeners: list[Callable] = []
        self.cursor: tuple[float, float] | None = None  # of the keyboard
        self._build(seed, size)
        if latent is None:
            self._see(model.sample(seed), seed)
        else:
            self._see(latent)
        self._show()

    @property
    def edit(self) -> Edit:
        """What has been picked, as an `Edit`. Raises ValueError while a handle or a target is
        missing.
        """
        return self.draft.edit()

    @edit.setter
    def edit(self, edit: Edit | None) -> None:
        self.draft.load(edit.fit(self.model.size) if edit else None)
        self._changed()

    @property
    def seed(self) -> int:
        """The seed of the image; setting it shows another one."""
        return self.seed_box.value

    @seed.setter
    def seed(self, seed: int) -> None:
        self.seed_box.value = seed

    @property
    def mask(self) -> np.ndarray | None:
        """(H W) bool, true = may move; ``None`` where no mask is painted."""
        return self.draft.mask

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback()` after every change of seed, points or mask."""
        self._listeners.append(callback)

    def load(self, latent: Tensor, edit: Edit) -> None:
        """Show another start, such as a saved session's; nobody is told of a change."""
        self.settle()
        self.draft.load(edit.fit(self.model.size))
        self._see(latent)
        self._show()

    def settle(self) -> None:
        """End a search for an image of one's own; what it has found is then the start."""
        self.upload.runner.stop()

    def still(self, size: int = 384) -> Image.Image:
        """The image with what has been picked."""
        d = self.draft
        targets = [h if t is None else t for h, t in zip(d.handles, d.targets)]
        shown = len(targets) - d.open  # a handle that still waits has no ring
        as_points = lambda points: np.array(points, float).reshape(-1, 2)
        selected = d.selected if len(d.handles) > 1 else None
        cursor = self.cursor and (*self.cursor, self.tools.radius)
        return draw_overlay(
            self.image,
            as_points(d.handles),
            as_points(targets[:shown]),
            mask=d.mask,
            selected=selected,
            cursor=cursor,
            size=size,
        )

    def __repr__(self) -> str:
        return f"Picker({self.source}, {len(self.draft.handles)} handles)"

    def _build(self, seed: int, size: int) -> None:
        tip = "Which image: the same number gives the same one"
        self.seed_box = W.BoundedIntText(
            seed,
            min=0,
            max=2**31 - 1,
            description="Seed",
            tooltip=tip,
            layout=W.Layout(width="150px"),
        )
        self.seed_box.style.description_width = "48px"
        self.seed_box.observe(self._seeded, "value")
        dice = button("Random", "random", "Show an image of a random seed", self._random)
        self.upload = Upload(self.model, self.notice, self._preview, self._found)
        # w to search in, or a way to noise
        possible = hasattr(self.model, "generator") or hasattr(self.model, "invert")
        self.upload.box.layout.display = "" if possible else "none"
        self.pair = Pair(self.model.size, self._selected, self._typed)
        self.tools = Tools(self.draft, self.notice, size, self._changed, self._show)
        line = lambda *parts: row(*parts, width=size)
        self.box = card(
            line(self.seed_box, dice, self.upload.box),
            self.surface.canvas,
            self.notice.line,
            line(self.tools.mode, self.tools.brush),
            line(*self.pair.parts),
            line(*self.tools.buttons),
        )

    def _preview(self, found) -> None:
        """Show the best so far of a search for an image of one's own."""
        self._see(found.latent)
        self.surface.show(self.still, last=False)

    def _found(self, found) -> None:
        self._see(found.latent)
        self._changed()

    def _see(self, latent: Tensor, seed: int | None = None) -> None:
        self.latent, self.source = latent, "a latent" if seed is None else f"seed {seed}"
        self.seed_box.description = "or seed" if seed is None else "Seed"
        self.image = self.model.finish(latent).movedim(0, -1).mul(255).round().byte().cpu().numpy()

    def _show(self, last: bool = True) -> None:
        """Draw, and fill the boxes from the draft."""
        self.surface.show(self.still, last)
        if last:
            self.pair.fill(self.draft)
            self.tools.fill()

    def _changed(self) -> None:
        self._show()
        for callback in self._listeners:
            callback()

    @guard
    def _touched(self, kind: str, x: float, y: float) -> None:
        self.cursor, self.draft.finger = None, self.surface.finger
        self._act("release" if kind == "out" else kind, x, y)

    def _act(self, kind: str, x: float, y: float) -> None:
        changed = self.tools.act(kind, x, y)
        if kind == "release":
            self.draft.release()
            if changed:
                self.draft.tidy()
                self._changed()
        elif changed or kind == "press":
            self._show(last=kind == "press")

    @guard
    def _key(self, name: str) -> None:
        if name in ("Delete", "Backspace"):
            self.tools.take_away()
        elif name in ARROWS:
            height, width = self.model.size
            x, y = self.cursor or (width / 2, height / 2)
            dx, dy = ARROWS[name]
            self.cursor = self.draft.inside(x + dx * width / 64, y + dy * height / 64)
            self._show()
        elif name in ("Enter", " ") and self.cursor:
            self.draft.finger = False
            self._act("press", *self.cursor)
            self._act("release", *self.cursor)

    @guard
    def _seeded(self, _) -> None:
        self.settle()
        self._see(self.model.sample(self.seed), self.seed)
        self._changed()

    @guard
    def _random(self) -> None:
        self.seed_box.value = random.randrange(1000)

    @guard
    def _selected(self, number: int) -> None:
        self.draft.selected = number
        self._show()

    @guard
    def _typed(self, handle: Point, target: Point) -> None:
        d, i = self.draft, self.draft.selected
        d.handles[i] = d.inside(*handle)
        if d.targets[i] is not None:
            d.targets[i] = d.inside(*target)
        self._changed()
