"""What has been picked so far; knows images and points, but no widgets."""

from __future__ import annotations

from operator import itemgetter

import numpy as np
import torch

from ..arguments import instance
from ..records import Edit, Size

Point = tuple[float, float]
Grabbed = tuple[list[Point] | list[Point | None], int]  # a list of points, and the place in it
FINGER = 2.4  # how many times a mouse's reach a finger's is


class EditDraft:
    """Pairs of a handle and (perhaps not yet) a target, a mask, and the pair that is selected.

    Args:
        size: (height, width) of the image in pixels; points are kept inside, at whole pixels.
        reach: how near to a point, in pixels, a press grabs it; a finger's is `FINGER` times that.

    Attributes:
        handles: (x, y) of each handle.
        targets: (x, y) of each target; None while it is missing.
        mask: (H W) bool, true = may move; None if there is none.
        arrive: the stop distance in pixels; None for the method's.
        selected: the number of the selected pair.
        finger: whether a finger presses; one that moves over the image wants no pair.
    """

    def __init__(self, size: Size, reach: float) -> None:
        self.size = size
        self.reach = reach
        self.finger = False
        self.load(None)

    def load(self, edit: Edit | None) -> None:
        """Begin with the points and the mask of `edit`, or with nothing.

        Raises:
            TypeError: it is no edit.
            ValueError: the edit does not fit the image.
        """
        if edit is not None:
            instance("edit", edit, Edit, "a dragkit.Edit, such as Edit([(64, 80)], [(64, 60)])")
            edit = edit.fit(self.size)
        self.handles: list[Point] = []
        self.targets: list[Point | None] = []
        self.mask: np.ndarray | None = None
        self.arrive: float | None = None
        self.selected: int | None = None
        self.release()
        if edit is None:
            return
        self.handles = [(x, y) for x, y in edit.handles.tolist()]
        self.targets = [(x, y) for x, y in edit.targets.tolist()]
        self.arrive = edit.arrive
        self.selected = len(self.handles) - 1
        if edit.mask is not None:
            self.mask = edit.mask.cpu().numpy().astype(bool)

    def release(self) -> None:
        """Let go."""
        self._pressed: Point | None = None  # where
        self._grabbed: Grabbed | None = None
        self._stroke: Point | None = None  # where it has come to

    @property
    def open(self) -> bool:
        """Whether the last handle still waits for its target."""
        return bool(self.targets) and self.targets[-1] is None

    def edit(self) -> Edit:
        """The edit.

        Raises:
            ValueError: something is missing, and what.
        """
        if not self.handles:
            raise ValueError("no handle yet; click on the image, then where that point should go")
        if self.open:
            raise ValueError(
                f"handle {len(self.handles) - 1} has no target yet; click where it should go"
            )
        mask = None
        if self.mask is not None:
            mask = torch.from_numpy(self.mask.astype(np.float32))
        return Edit(self.handles, self.targets, mask, self.arrive).fit(self.size)

    def problem(self) -> str:
        """What is wrong with the edit, such as two handles on one pixel; empty if it is fine."""
        try:
            self.edit()
        except ValueError as error:
            return str(error)
        return ""

    def inside(self, x: float, y: float) -> Point:
        """The nearest whole pixel of the image."""
        height, width = self.size
        return float(np.clip(round(x), 0, width - 1)), float(np.clip(round(y), 0, height - 1))

    def press(self, x: float, y: float) -> None:
        """Grab a point that is near, else set the missing target, else a new handle.

        A finger sets a point only when it lifts.
        """
        self._pressed = (x, y)
        self._grabbed = self._near(x, y)
        if self._grabbed:
            self.selected = self._grabbed[1]
        elif not self.finger:
            self._set(x, y)

    def drag(self, x: float, y: float) -> bool:
        """Move what is grabbed, or pull a new handle's target out of it.

        Says whether anything changed.
        """
        if self._pressed is None:
            return False
        if self._grabbed is None:
            if self.finger or self._is_tap(self._pressed, x, y):
                return False
            self._grabbed = (self.targets, len(self.targets) - 1)
        points, i = self._grabbed
        points[i] = self.inside(x, y)
        return True

    def lift(self, x: float, y: float) -> bool:
        """A finger that has stayed in its place sets a point there.

        Says whether anything was picked.
        """
        if self.finger and self._pressed and not self._grabbed:
            if not self._is_tap(self._pressed, x, y):
                return False
            self._set(x, y)
        return self._pressed is not None

    def add(self, handle: Point, target: Point | None = None) -> None:
        """Add a pair and select it."""
        self.handles.append(handle)
        self.targets.append(target)
        self.selected = len(self.handles) - 1

    def move_selected(self, handle: Point, target: Point) -> None:
        """Move both points of the selected pair; a missing target stays missing."""
        if self.selected is None:
            return
        self.handles[self.selected] = self.inside(*handle)
        if self.targets[self.selected] is not None:
            self.targets[self.selected] = self.inside(*target)

    def remove(self) -> None:
        """Remove the selected pair."""
        if self.selected is None:
            return
        del self.handles[self.selected]
        del self.targets[self.selected]
        self.selected = min(self.selected, len(self.handles) - 1)
        if not self.handles:
            self.selected = None

    def clear_points(self) -> None:
        """Remove all pairs; the mask and the stop distance stay."""
        self.handles.clear()
        self.targets.clear()
        self.selected = None
        self.release()

    def paint(self, x: float, y: float, radius: float, free: bool) -> None:
        """Stroke a round brush from the last place to (x, y).

        The first stroke begins with an image where nothing may move, the first erasing with one
        where everything may; a mask that ends up empty is no mask.

        Args:
            x: in pixels.
            y: in pixels.
            radius: of the brush, in pixels.
            free: whether what is painted may move; else it must stay.
        """
        if self.mask is None:
            self.mask = np.full(self.size, not free)
        from_x, from_y = self._stroke or (x, y)
        rows, columns = np.mgrid[: self.size[0], : self.size[1]]
        length = np.hypot(x - from_x, y - from_y)
        for t in np.linspace(0, 1, 2 + int(length / max(radius / 2, 1))):
            centre_x = from_x + t * (x - from_x)
            centre_y = from_y + t * (y - from_y)
            brush = (columns - centre_x) ** 2 + (rows - centre_y) ** 2 <= radius**2
            self.mask = np.where(brush, free, self.mask)
        self._stroke = (x, y)

    @property
    def painting(self) -> bool:
        """Whether a stroke has begun."""
        return self._stroke is not None

    def drop_empty_mask(self) -> None:
        """Forget a mask that is empty."""
        if self.mask is not None and not self.mask.any():
            self.mask = None

    def _set(self, x: float, y: float) -> None:
        if self.open:
            self.targets[-1] = self.inside(x, y)
            self._grabbed = (self.targets, len(self.targets) - 1)
        else:
            self.add(self.inside(x, y))

    def _is_tap(self, pressed: Point, x: float, y: float) -> bool:
        """Whether (x, y) is where the press was, give or take a tremble."""
        moved = np.hypot(x - pressed[0], y - pressed[1])
        return bool(moved < self._reach() / 2)

    def _reach(self) -> float:
        return self.reach * FINGER if self.finger else self.reach

    def _near(self, x: float, y: float) -> Grabbed | None:
        """The nearest point within reach, if any."""
        lists: list[list[Point] | list[Point | None]] = [self.handles, self.targets]
        spots = [
            (np.hypot(point[0] - x, point[1] - y), points, i)
            for points in lists
            for i, point in enumerate(points)
            if point is not None
        ]
        distance, points, i = min(spots, key=itemgetter(0), default=(np.inf, self.handles, 0))
        if distance > self._reach():
            return None
        return points, i
