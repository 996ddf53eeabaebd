"""Which points have a look-alike nearby: what makes a point hard to track."""

from __future__ import annotations

from torch import Tensor

from ..geometry import sample
from ..records import View
from ..trackers.search_window import read_window, similarity

# Two features look alike if they differ by less than this fraction of their length; our choice.
ALIKE = 0.35
# px; a look-alike is at least this far away (nearer, it is the same piece of content) …
NEAREST = 5
# … and at most this far; our choice
FARTHEST = 12


def has_lookalike(view: View, points: Tensor) -> Tensor:
    """Whether a pixel 5 to 12 px away has almost the same feature as the point (n): bool.

    Almost the same: the two features differ by less than 0.35 of the length of the point's own.
    DragGAN's window reaches 3 px at 128 px, so it meets such a pixel only after it has drifted;
    a window of 12 px sees it at once.

    Args:
        view: the image's features.
        points: (n 2) pixels (x, y).
    """
    pixels, features = read_window(view, points, FARTHEST)
    template = sample(view.features, points, view.size)
    difference = -similarity(features, template) / template.norm(dim=1)[:, None, None]
    distance = (pixels - points[:, None, None]).norm(dim=-1)

    alike = (difference < ALIKE) & (distance >= NEAREST) & (distance <= FARTHEST)
    return alike.flatten(1).any(1)
