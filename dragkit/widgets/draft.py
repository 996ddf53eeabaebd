"""What has been picked so far; knows images and points, but no widgets."""

from __future__ import annotations

import numpy as np
import torch

from ..records import Edit

Point = tuple[float, float]
FINGER = 2.4  # a finger's reach over the mouse's


class Draft:
    """Pairs of a handle and (perhaps not yet) a target, a mask, and the pair that is selected.

    Args:
        size: (height, width) of the image in pixels; points are kept inside and at whole pixels.
        reach: how near to a point, in pixels, a press takes hold of it; a finger is `FINGER` times
            as broad.
    """

    def __init__(self, size: tuple[int, int], reach: float) -> None:
        self.size, self.reach = size, reach
        self.load(None)

    def load(self, edit: Edit | None) -> None:
        """Begin with the points and the mask of `edit`, or with nothing."""
        self.handles: list[Point] = (
            [] if edit is None else [tuple(p) for p in edit.handles.tolist()]
        )
        self.targets: list[Point | None] = (
            [] if edit is None else [tuple(p) for p in edit.targets.tolist()]
        )
        self.mask = (
            None if edit is None or edit.mask is None else edit.mask.cpu().numpy().astype(bool)
        )
        self.arrive = None if edit is None else edit.arrive
        self.selected = len(self.handles) - 1 if self.handles else None
        self.held: tuple[list, int] | None = None
        self.pressed = self.stroke = None
        # whether it is a finger that presses: one that moves over the image wants no pair
        self.finger = False

    @property
    def open(self) -> bool:
        """Whether the last handle still waits for its target."""
        return bool(self.targets) and self.targets[-1] is None

    def edit(self) -> Edit:
        """The edit. Raises ValueError where something is missing, and says what."""
        if not self.handles:
            raise ValueError("no handle yet; click on the image, then where that point should go")
        if self.open:
            raise ValueError(
                f"handle {len(self.handles) - 1} has no target yet; click where it should go"
            )
        mask = None if self.mask is None else torch.from_numpy(self.mask.astype(np.float32))
        return Edit(self.handles, self.targets, mask, self.arrive).fit(self.size)

    def trouble(self) -> str:
        """What is wrong with the edit, such as two handles on one pixel; empty where
        all is well.
        """
        try:
            self.edit()
        except ValueError as error:
            return str(error)
        return ""

    def inside(self, x: float, y: float) -> Point:
        """The whole pixel of the image that is nearest."""
        height, width = self.size
        return float(np.clip(round(x), 0, width - 1)), float(np.clip(round(y), 0, height - 1))

    def press(self, x: float, y: float) -> None:
        """Take hold of a point that is near, else set the missing target, else a new handle: that
        a finger does only when it lifts.
        """
        self.pressed = (x, y)
        self.held = self._near(x, y)
        if self.held:
            self.selected = self.held[1]
        elif not self.finger:
            self._set(x, y)

    def _set(self, x: float, y: float) -> None:
        if self.open:
            self.targets[-1] = self.inside(x, y)
            self.held = self.targets, len(self.targets) - 1
        else:
            self.add(self.inside(x, y))

    def drag(self, x: float, y: float) -> bool:
        """Move what is held; drag a new handle's target out of it. Says whether
        anything changed.
        """
        if self.pressed is None:
            return False
        if self.held is None:
            if self.finger or self._trembles(x, y):
                return False
            self.held = self.targets, len(self.targets) - 1
        points, i = self.held
        points[i] = self.inside(x, y)
        return True

    def lift(self, x: float, y: float) -> bool:
        """A finger that has stayed in its place sets a point there. Says whether anything was
        picked.
        """
        if self.finger and self.pressed and not self.held:
            if not self._trembles(x, y):
                return False
            self._set(x, y)
        return self.pressed is not None

    def _trembles(self, x: float, y: float) -> bool:
        """Whether (x, y) is where the press was, all but a tremble."""
        return np.hypot(x - self.pressed[0], y - self.pressed[1]) < self.reach / 2 * (
            FINGER if self.finger else 1
        )

    def release(self) -> None:
        """Let go."""
        self.held = self.pressed = self.stroke = None

    def add(self, handle: Point, target: Point | None = None) -> None:
        """Add a pair and select it."""
        self.handles.append(handle)
        self.targets.append(target)
        self.selected = len(self.handles) - 1

    def remove(self) -> None:
        """Remove the selected pair."""
        if self.selected is not None:
            del self.handles[self.selected], self.targets[self.selected]
            self.selected = min(self.selected, len(self.handles) - 1) if self.handles else None

    def paint(self, x: float, y: float, radius: float, free: bool) -> None:
        """Stroke a round brush from the last place to (x, y): 1 where `free`, else 0.

        The first stroke begins with an image where nothing may move, the first erasing with one
        where everything may; a mask that ends up empty is no mask.
        """
        if self.mask is None:
            self.mask = np.full(self.size, not free)
        fromx, fromy = self.stroke or (x, y)
        rows, columns = np.mgrid[: self.size[0], : self.size[1]]
        for t in np.linspace(0, 1, 2 + int(np.hypot(x - fromx, y - fromy) / max(radius / 2, 1))):
            cx, cy = fromx + t * (x - fromx), fromy + t * (y - fromy)
            self.mask = np.where(
                (columns - cx) ** 2 + (rows - cy) ** 2 <= radius**2, free, self.mask
            )
        self.stroke = (x, y)

    def tidy(self) -> None:
        """Forget a mask that is empty."""
        if self.mask is not None and not self.mask.any():
            self.mask = None

    def _near(self, x: float, y: float) -> tuple[list, int] | None:
        spots = [
            (np.hypot(p[0] - x, p[1] - y), points, i)
            for points in (self.handles, self.targets)
            for i, p in enumerate(points)
            if p is not None
        ]
        distance, points, i = min(spots, key=lambda s: s[0], default=(np.inf, None, 0))
        return (points, i) if distance <= self.reach * (FINGER if self.finger else 1) else None
