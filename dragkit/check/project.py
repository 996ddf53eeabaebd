"""Lesson 13: a tracker of one's own, against the contract that every tracker keeps."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..geometry import inside, sample, square, window
from ..loop import drag
from ..methods import draggan
from ..models.toy import Toy
from ..plot.figures import Photo
from ..records import Edit, TrackResult, View
from .exercise import Verdict
from .looks import ways

FRAMES, CLOSE = 16, 2.0  # pictures of the film, and how many px a tracker may be off in each of them
Film = tuple[list[View], Tensor, Edit]  # the views, where the handles are in each (frames n 2), and what the tracker is told


@dataclass(frozen=True)
class Patch:
    """Nearest neighbour of a patch of 3 × 3 cells in place of one; `radius` of the window in pixels."""

    radius: int = 4

    def read(self, view: View, points: Tensor) -> Tensor:
        """The features of nine places around each point (… 2), two pixels apart, as one vector (… 9c)."""
        around = points[..., None, :] + 2 * square(1).reshape(9, 2).to(points)
        return sample(view.features.detach(), around, view.size).flatten(-2)

    def start(self, view: View, edit: Edit) -> Tensor:
        """The handles' patches on the first view."""
        return self.read(view, edit.handles)

    def find(self, view: View, memory: Tensor, near: Tensor) -> TrackResult:
        """The place in each window whose patch is most alike."""
        pixels = window(near, self.radius)
        scores = -(self.read(view, pixels) - memory[:, None, None]).norm(dim=-1)
        scores = scores.masked_fill(~inside(pixels, view.size), torch.nan)
        best = scores.nan_to_num(nan=-torch.inf).flatten(1).argmax(1)
        points = pixels.flatten(1, 2)[torch.arange(len(near)), best]
        return TrackResult(points, torch.full_like(near[:, 0], torch.nan), scores, memory)


@dataclass(frozen=True, eq=False)
class Contract:
    """What every tracker keeps to; ask with one of yours: ``check.tracker(MyTracker())``.

    ``start(view, edit)`` returns a memory; ``find(view, memory, near)`` a `TrackResult` with points (n 2), (x, y) inside the picture,
    confidence (n), scores (n k k) and a memory. Nothing that is passed in is changed, nothing is kept in the tracker, it follows three
    blobs of the toy to within 2 px, and `drag` runs with it.
    """

    name: str = "tracker"

    def __call__(self, tracker: Any) -> Verdict:
        """The verdict: the first rule that is broken, or how far off the tracker is; what it raises is told, not raised."""
        for rule in (_methods, _answer, _untouched, _stateless, _first_picture, _border, _drags):
            try:
                words = rule(tracker, _film())
            except Exception as error:
                words = _told(error)
            if words:
                return self._no(words)
        return self._followed(tracker, _film())

    def or_ours(self, tracker: Any) -> Any:
        """Your tracker where it keeps the contract, else one of ours: the lesson goes on either way."""
        return tracker if self(tracker).passed else Patch()

    def _followed(self, tracker: Any, film: Film) -> Verdict:
        found = []
        try:
            found = list(_points(tracker, film))
        except Exception as error:
            return self._no(f"In picture {len(found) + 1} of the film {_told(error)}")
        truth, points = film[1], torch.stack(found)
        picture = ways(film[0][-1], {"target": truth, "yours": points})
        if words := _lost(points, truth):
            return self._no(words, picture)
        words = f"right. It keeps the contract, and on the toy it is {(points - truth).norm(dim=-1).mean():.2f} px off on average."
        return Verdict(True, f"**{self.name}**: {words}", picture)

    def _no(self, words: str, picture: Photo | None = None) -> Verdict:
        return Verdict(False, f"**{self.name}**: not yet. {words}", picture)


tracker = Contract()


def _film(seed: int = 0) -> Film:
    """Three blobs on their ways, up to 1.2 px a picture; made anew each time, for what is passed in may be spoilt."""
    start, way = torch.tensor([[36.0, 84], [90, 48], [60, 30]]), torch.tensor([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.9]])
    truth = start + torch.arange(FRAMES)[:, None, None] * way
    toy = Toy(width=4, seed=seed)
    return [toy.view(latent) for latent in truth], truth, Edit(truth[0], truth[-1])


def _begun(tracker: Any, film: Film) -> tuple[Any, Tensor]:
    """What it remembers after the first picture, and where to look."""
    views, _, edit = film
    return tracker.start(views[0], edit), edit.handles.clone()


def _points(tracker: Any, film: Film) -> Iterator[Tensor]:
    memory, near = _begun(tracker, film)
    for view in film[0]:
        found = tracker.find(view, memory, near)
        memory, near = found.memory, found.points
        yield near.clone()


def _methods(tracker: Any, film: Film) -> str | None:
    if isinstance(tracker, type):
        return f"That is the class; give one of it: check.tracker({tracker.__name__}())."
    missing = [name for name in ("start", "find") if not callable(getattr(tracker, name, None))]
    return f"It has no `{missing[0]}`; a tracker has start(view, edit) and find(view, memory, near)." if missing else None


def _answer(tracker: Any, film: Film) -> str | None:
    memory, near = _begun(tracker, film)
    found, n = tracker.find(film[0][0], memory, near), len(near)
    if not isinstance(found, TrackResult):
        return f"`find` returns {_what(found)}; it returns a dk.TrackResult(points, confidence, scores, memory)."
    if _shape(found.points) != (n, 2):
        return f"`points` is {_what(found.points)}; with {n} handles it has shape ({n}, 2), an (x, y) for each."
    if _shape(found.confidence) != (n,):
        return (f"`confidence` is {_what(found.confidence)}; it has a number for each handle, shape ({n},). "
                "Where you measure none that is NaN, never 1: torch.full((n,), torch.nan).")  # fmt: skip
    k = _shape(found.scores)[-1:]
    if _shape(found.scores) != (n, *k, *k):
        return f"`scores` is {_what(found.scores)}; it is a square window for each handle, shape ({n}, k, k), row = y."
    if found.points.requires_grad or found.scores.requires_grad:
        return "Its answer carries gradients: the loss would pull on the tracker, too. Read view.features.detach()."
    if memory is not None and found.memory is None:
        return "`find` gives no memory back, and the next `find` needs one; where nothing was learnt, return the one you were given."
    return None


def _untouched(tracker: Any, film: Film) -> str | None:
    views, _, edit = film
    memory, near = _begun(tracker, film)
    passed = {"edit.handles": edit.handles, "near": near, "view.features": views[1].features}
    before = {name: value.clone() for name, value in passed.items()}
    tracker.find(views[1], memory, near)
    changed = [name for name, value in passed.items() if not torch.equal(value, before[name])]
    return f"It changes `{changed[0]}`, which was passed in; make a new tensor: a = a + b, not a += b." if changed else None


def _stateless(tracker: Any, film: Film) -> str | None:
    own = getattr(tracker, "__dict__", {})
    kept = dict(own)
    memory, near = _begun(tracker, film)
    ask = lambda: tracker.find(film[0][1], memory, near.clone()).points.clone()
    first = ask()
    if changed := [name for name, value in own.items() if kept.get(name, kept) is not value]:
        return f"`self.{changed[0]}` changes while it works. Pass what it learns on instead: `start` returns the memory, `find` the next one in its result."
    if not torch.equal(ask(), first):
        return "Asked the same twice it gives two answers: it throws dice, or `find` changes `memory`. Fix the seed; return what is new as the result's memory."
    _begun(tracker, _film(seed=1))
    if not torch.equal(ask(), first):
        return "After `start` on another film it has forgotten this one: what to look for is kept outside the memory. Return it from `start`; `find` gets it as `memory`."
    return None


def _first_picture(tracker: Any, film: Film) -> str | None:
    memory, handles = _begun(tracker, film)
    points = tracker.find(film[0][0], memory, handles.clone()).points
    is_at = lambda places: bool(((places - handles).norm(dim=1) <= CLOSE).all())
    if is_at(points):
        return None
    if is_at(points.flip(1)):
        return "Its points are (y, x). A map's row is y and its column x; a point is (x, y)."
    if is_at(2 * points + 0.5):
        return "Its points are cells of the feature map, which has half as many; they must be pixels of the picture."
    if is_at(points + handles):
        return "Its points are counted from `near`; they must be places in the picture, so add it."
    worst = int((points - handles).norm(dim=1).argmax())
    return f"On the very picture it began with it finds handle {worst} at {_spot(points[worst])}; it was put at {_spot(handles[worst])}."


def _border(tracker: Any, film: Film) -> str | None:
    views = film[0]
    memory, _ = _begun(tracker, film)
    last = views[0].size[0] - 1.0
    points = tracker.find(views[0], memory, torch.tensor([[0.0, 0], [last, 0], [last, last]])).points
    out = (~inside(points, views[0].size)).nonzero()
    return f"Looking at the border it answers {_spot(points[int(out[0])])}, outside the picture of {last + 1:.0f} px: keep the window in it." if len(out) else None


def _drags(tracker: Any, film: Film) -> str | None:
    toy, (_, truth, edit) = Toy(width=4), film
    try:
        list(drag(toy, truth[0], edit, **draggan() | {"tracker": tracker, "lr": 1.0, "steps": 3}))
    except Exception as error:
        return f"In dk.drag {_told(error)}"
    return None


def _lost(points: Tensor, truth: Tensor) -> str | None:
    """In words, where the film's truth (frames n 2) and the points part."""
    if (points == points[0]).all():
        return f"It stays where it was told to look (`near`), and in {len(truth)} pictures the blobs go on by {(truth[-1] - truth[0]).norm(dim=1).max():.0f} px."
    off = ((points - truth).norm(dim=-1) > CLOSE).nonzero()
    if not len(off):
        return None
    frame, handle = off[0].tolist()
    return (f"It loses handle {handle} in picture {frame} of {len(truth)}: it says {_spot(points[frame, handle])}, "
            f"and the blob is at {_spot(truth[frame, handle])}.")  # fmt: skip


def _told(error: Exception) -> str:
    """What a tracker raised, and in which line of it."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.name in ("start", "find")]
    return f"`{own[-1].name}` raises {type(error).__name__}: {error} (at `{own[-1].line}`)." if own else f"it raises {type(error).__name__}: {error}."


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _what(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else "None" if value is None else f"a {type(value).__name__}"


def _spot(point: Tensor) -> str:
    return f"({point[0]:.4g}, {point[1]:.4g})"
