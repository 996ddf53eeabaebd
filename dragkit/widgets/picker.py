"""The widget that makes an edit: handles, targets and a mask, by mouse, touch or numbers."""

from __future__ import annotations

import random
from collections.abc import Callable

import ipywidgets as W
import numpy as np
from PIL import Image
from torch import Tensor

from ..arguments import function, named_arguments, whole
from ..latents import checked_latent
from ..models.inversion import Inversion
from ..models.protocols import Model, check_model
from ..records import Edit
from .canvas import ARROWS, Touch
from .edit_draft import EditDraft, Point
from .image_upload import ImageUpload
from .layout import button, card, column, on_change, row, side_by_side, small_row
from .leftovers import LeftoverQuestion
from .notebook_widget import NotebookWidget
from .pair_editor import PairEditor
from .picker_tools import PickerTools
from .picker_view import PickerView
from .sizes import NARROW, Sizes, checked_height, image_size
from .status import StatusLine, shows_errors

MOST_SEED = 2**31 - 1  # that a box can show


@named_arguments
class Picker(NotebookWidget):
    """Pick a seed or use your own image, click a handle, then where it should go.

    ``edit = Picker(model).edit``. A press on a point grabs it; a press elsewhere, dragged, makes a
    pair at once (a finger taps twice instead); Delete removes the selected pair. What may move can
    be painted; Undo or Ctrl+Z takes the last change back. The points can be set by numbers, too;
    and while the image has the focus, the arrows move a cross, and Enter clicks or paints there.
    The wheel, + and - magnify the image for a point that must be exact, Shift and the arrows move
    what is shown, and 0 shows all of it.

    Args:
        model: offers ``sample(seed)``, ``finish(latent)`` and ``size``, as :func:`dragkit.load`
            returns.
        seed: of the first image, 0 or more.
        edit: what to begin with.
        size: height of the image on the page, in CSS pixels; None: as the page has room for it.
        latent: of the first image, in place of a seed: such as ``dragkit.invert`` finds.

    Attributes:
        draft: what has been picked so far.
        view: the image and what is drawn on it.
        tools: points, paint or erase, and the buttons.
        pair: the selected pair in numbers.
        upload: the button for an image of your own.
        start_row: where the image is chosen.
        leftovers: asks what becomes of points and mask when it is another image.
        tools_box: all the rest but the image.

    Raises:
        TypeError: the model or the edit is something else.
        ValueError: at once, if the seed, the size or the latent is none, or `edit` does not fit
            the model's image.
    """

    def __init__(
        self,
        model: Model,
        seed: int = 0,
        edit: Edit | None = None,
        size: int | None = None,
        latent: Tensor | None = None,
    ) -> None:
        check_model(model)
        seed = _checked_seed(seed)
        sizes = Sizes(image_size(size), given=size is not None)
        self.model = model
        self.draft = EditDraft(model.size, reach=10 * model.size[0] / sizes.image)
        self.draft.load(edit)
        self.status = StatusLine()
        self.view = PickerView(
            model, self.draft, sizes.image, self._touch, self._press_key, self._draw_image
        )
        self._listeners: list[Callable[[], None]] = []

        self.seed_box = _seed_box(seed)
        on_change(self.seed_box, self._choose_seed)
        self.random = button("Random", "random", "Show an image of a random seed", self._random)
        self.upload = ImageUpload(model, self.status, self._preview, self._found)
        self.pair = PairEditor(model.size, self._select, self._type)
        self.tools = PickerTools(self.draft, self.status, self._changed, self._draw)

        self.leftovers = LeftoverQuestion(self._clear)
        self.start_row = row(self.seed_box, self.random, self.upload.box)
        self.tools_box = column(
            small_row(self.view.zoom.row),
            self.leftovers.row,
            self.status.line,
            self.tools.mode_row,
            self.pair.row,
            self.tools.button_row,
        )
        self.box = self._layout(sizes)
        if latent is None:
            self._show_seed(seed)
        else:
            self._show_latent(checked_latent(model, latent))
        self._draw()

    @property
    def edit(self) -> Edit:
        """What has been picked.

        Raises:
            ValueError: a handle or a target is missing.
        """
        return self.draft.edit()

    @edit.setter
    def edit(self, edit: Edit | None) -> None:
        self.draft.load(edit)
        self._changed()

    @property
    def seed(self) -> int:
        """The seed of the image; setting it shows another one."""
        return self.seed_box.value

    @seed.setter
    def seed(self, seed: int) -> None:
        self.seed_box.value = _checked_seed(seed)

    @property
    def latent(self) -> Tensor:
        """What the image is made of."""
        return self.view.latent

    @property
    def mask(self) -> np.ndarray | None:
        """(H W) bool, true = may move; None if no mask is painted."""
        return self.draft.mask

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback()` after every change of seed, points or mask."""
        function("callback", callback, "a function without arguments")
        self._listeners.append(callback)

    def load(self, latent: Tensor, edit: Edit) -> None:
        """Show another start, such as a saved session's; this is not reported as a change."""
        self.settle()
        latent = checked_latent(self.model, latent)
        self.leftovers.settle()
        self.draft.load(edit)
        self.tools.history.begin()
        self._show_latent(latent)
        self._draw()

    def settle(self) -> None:
        """End a search for an image of your own; what it has found is then the start."""
        self.upload.runner.stop()

    def still(self, size: int = 384) -> Image.Image:
        """The image with what has been picked."""
        return self.view.still(checked_height(size), self.tools.radius)

    def __repr__(self) -> str:
        return f"Picker({self.source}, {len(self.draft.handles)} handles)"

    def _layout(self, sizes: Sizes) -> W.Widget:
        height, width = self.model.size
        image = column(
            self.start_row, self.view.canvas.canvas, **sizes.image_layout(width / height)
        )
        tools = column(self.tools_box, flex=f"1 1 {NARROW}px", max_width="480px", min_width="0")
        return card(side_by_side(image, tools, gap=24))

    def _show_seed(self, seed: int) -> None:
        self.source = f"seed {seed}"
        self.seed_box.description = "Seed"
        self.view.load(self.model.sample(seed))

    def _show_latent(self, latent: Tensor) -> None:
        self.source = "a latent"
        self.seed_box.description = "or seed"
        self.view.load(latent)

    def _preview(self, best: Inversion) -> None:
        """Show the best so far of a search for an image of your own."""
        self._show_latent(best.latent)
        self.view.canvas.show(self.still, last=False)

    def _found(self, best: Inversion) -> None:
        self._show_latent(best.latent)
        self._image_changed()

    @shows_errors
    def _draw_image(self) -> None:
        self.view.canvas.show(self.still)

    def _draw(self) -> None:
        """Draw, and fill the boxes from the draft."""
        self.view.canvas.show(self.still)
        self.pair.fill(self.draft)
        self.tools.fill()

    def _changed(self) -> None:
        """The edit is another one, so points and mask are what they should be."""
        self.leftovers.settle()
        self.tools.history.keep()
        self._report()

    def _image_changed(self) -> None:
        self.leftovers.ask(bool(self.draft.handles) or self.draft.mask is not None)
        self._report()

    def _report(self) -> None:
        self._draw()
        for callback in self._listeners:
            callback()

    @shows_errors
    def _touch(self, kind: Touch, x: float, y: float) -> None:
        self.view.leave_keyboard()
        self._act(kind, x, y)

    def _act(self, kind: Touch, x: float, y: float) -> None:
        changed = self.tools.act(kind, x, y)
        if kind == "press":
            self._draw()
        elif kind == "move":
            if changed:
                self.view.canvas.show(self.still, last=False)
        else:
            self.draft.release()
            if changed:
                self.draft.drop_empty_mask()
                self._changed()

    @shows_errors
    def _press_key(self, name: str) -> None:
        cross = self.view.cross
        if name in ("Delete", "Backspace"):
            self.tools.remove_selected()
        elif name == "Ctrl+z":
            self.tools.undo()
        elif name in ARROWS:
            self.view.move_cross(name)
            self._draw()
        elif name in ("Enter", " ") and cross:
            self.draft.finger = False
            self._act("press", *cross)
            self._act("release", *cross)

    @shows_errors
    def _choose_seed(self) -> None:
        self.settle()
        self._show_seed(self.seed)
        self._image_changed()

    @shows_errors
    def _clear(self) -> None:
        self.draft.clear_points()
        self.draft.mask = None
        self._changed()

    @shows_errors
    def _random(self) -> None:
        self.seed_box.value = random.randrange(1000)

    @shows_errors
    def _select(self, number: int) -> None:
        self.draft.selected = number
        self._draw()

    @shows_errors
    def _type(self, handle: Point, target: Point) -> None:
        self.draft.move_selected(handle, target)
        self._changed()


def _checked_seed(seed: int) -> int:
    return whole("seed", seed, 0, MOST_SEED)


def _seed_box(seed: int) -> W.BoundedIntText:
    box = W.BoundedIntText(
        seed,
        min=0,
        max=MOST_SEED,
        description="Seed",
        tooltip="Which image: the same number gives the same one",
        layout=W.Layout(width="160px"),
    )
    box.style.description_width = "58px"
    return box
