"""What a method is made of: a tracker, loss terms, a gate and a few numbers.

These are protocols: any object with the right methods will do, nothing has to be registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, TypedDict, runtime_checkable

from torch import Tensor

from .records import Edit, Size, TrackResult, View

MOST_TEXT = 10_000  # characters of a piece in print, or of a note

# A gate turns the confidence at step 1 (n) into the smallest confidence that is trusted (n).
Gate = Callable[[Tensor], Tensor]


@runtime_checkable
class Viewer(Protocol):
    """What a drag needs from a model."""

    @property
    def size(self) -> Size:
        """(height, width) of the images in pixels."""
        ...

    def view(self, latent: Tensor) -> View:
        """What the model shows of a latent."""
        ...


@runtime_checkable
class SelfDescribing(Protocol):
    """A model that tells a run what to remember of it, such as a diffusion model's strength."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What a saved run should remember of the model."""
        ...


class Tracker(Protocol):
    """Says where the content of each handle is. What it searches for is passed to it as memory."""

    def start(self, view: View, edit: Edit) -> Any:
        """Remember the content at the handles in the view of step 0."""
        ...

    def find(self, view: View, memory: Any, search_centre: Tensor) -> TrackResult:
        """Search for the content of `memory` around `search_centre` (n 2)."""
        ...


@runtime_checkable
class Patchable(Protocol):
    """A tracker in whose memory one handle's template can be replaced."""

    def patched(self, view: View, memory: Any, handle: int, place: Tensor) -> Any:
        """`memory` with that handle's template read anew, at `place` (2) of `view`."""
        ...


class LossTerm(Protocol):
    """A scalar to make small; `start` is the view of step 0."""

    @property
    def name(self) -> str:
        """The name under which a step records its value."""
        ...

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """The value of the term, differentiable with respect to the latent."""
        ...


@runtime_checkable
class SizeChecking(Protocol):
    """A piece with a setting that can be too small for an image."""

    def check(self, size: Size) -> None:
        """Raise ValueError if the piece cannot work on images of `size`."""
        ...


@runtime_checkable
class Skipping(Protocol):
    """A loss that does not pull handles closer to their target than `skip` pixels."""

    @property
    def skip(self) -> float:
        """That distance."""
        ...


class Method(TypedDict):
    """The arguments of :func:`dragkit.drag` that make a method: ``drag(…, **draggan())``."""

    tracker: Tracker
    losses: Sequence[LossTerm]
    lr: float
    steps: int
    arrive: float
    trust: Gate | None


def printed(piece: Any) -> str:
    """The printed form of a piece, without the address that an instance of a plain class has.

    It is cut off after 10,000 characters, because a saved run has room for that many.
    """
    try:
        text = repr(piece)
    except Exception:  # it is somebody's own
        text = f"a {type(piece).__name__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)[:MOST_TEXT]


def same_piece(a: Any, b: Any) -> bool:
    """Whether two pieces are one, or equal as a dataclass of settings is.

    Two instances of a plain class are never the same, however they print. A piece read from a
    file is known by its printed form only, so it is the same if that says everything: the
    printed form of a dataclass does, that of a plain class, which is an address, does not. A run
    may be older than the last settings of a dataclass; those are then at their defaults.
    """
    if a is b:
        return True
    try:
        if isinstance(a, str):
            return a in _printed_forms(b)
        return type(a) is type(b) and bool(a == b)
    except Exception:
        return False  # settings that cannot be compared, such as tensors, or printed


def _printed_forms(piece: Any) -> list[str]:
    """The printed form of a piece, and those without its last settings that are at defaults."""
    forms = [repr(piece)]
    if not is_dataclass(piece):
        return forms
    for field in reversed(fields(piece)):
        value = getattr(piece, field.name)
        ending = f", {field.name}={value!r})"
        if value != field.default or not forms[-1].endswith(ending):
            break
        forms.append(forms[-1].removesuffix(ending) + ")")
    return forms
