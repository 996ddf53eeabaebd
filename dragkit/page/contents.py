"""What a page shows, as plain values: the one place that decides what is in its JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from ..compose import mask_cover, png, viridis, webp
from ..records import Edit, Frame
from .numbers import plain
from .recording import Recording, tracker_of
from .score_contents import score_contents
from .settings import meaning, settings

MOST_SIDE = 640  # px of the longer side; larger images are shrunk, and points keep their pixels
QUALITY = 85  # of the WebP images
KEPT = 16  # edits whose masks are ready, as a page in a notebook is told them again and again


def page_contents(title: str, recordings: Sequence[Recording]) -> dict[str, Any]:
    """All that a page shows; a progress bar appears if that takes longer than two seconds."""
    count = sum(len(recording.frames) for recording in recordings)
    with tqdm(total=count, desc=".html", unit="frame", delay=2) as bar:

        def image(frame: Frame) -> dict[str, Any]:
            bar.update()
            return {"image": image_uri(frame)}

        runs = [run_contents(recording, image) for recording in recordings]
    return page_of(title, runs)


def page_of(title: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a page shows, with the `run_contents` of its runs."""
    scale = b64encode(viridis()[:, :3].tobytes()).decode()
    return {"title": title, "scale": scale, "runs": list(runs)}


def run_contents(
    recording: Recording, image: Callable[[Frame], dict[str, Any]], begin: int = 0
) -> dict[str, Any]:
    """What a page shows of a run.

    Args:
        recording: the run.
        image: what the page gets as a frame's image, as one more entry of the frame.
        begin: the position of the first frame that is told.
    """
    frames = recording.frames
    losses = list(dict.fromkeys(name for frame in frames for name in frame.losses))
    edits = {_key(frame.edit): frame.edit for frame in frames}
    trackers = list(dict.fromkeys(text for _, text in recording.trackers()))

    def told(frame: Frame) -> dict[str, Any]:
        edit, tracker = list(edits).index(_key(frame.edit)), trackers.index(tracker_of(frame))
        return {"edit": edit, "tracker": tracker} | image(frame) | _frame(frame, losses)

    return {
        "name": recording.name,
        "why": recording.why,
        "settings": settings(recording),
        "meanings": [meaning(tracker) for tracker in trackers],
        "size": list(frames[0].size),
        "shown": _shown_size(*frames[0].size),
        "trackers": trackers,
        "losses": losses,
        "interventions": [index for index, _ in recording.interventions],
        "edits": [_edit(recording, edit) for edit in edits.values()],
        "frames": [told(frame) for frame in frames[begin:]],
    }


def image_uri(frame: Frame) -> str:
    """A frame's image as a page shows it."""
    return _uri("webp", webp(_shown(frame), QUALITY))


def _frame(frame: Frame, losses: Sequence[str]) -> dict[str, Any]:
    track = frame.step.track
    return {
        "step": frame.index,
        "points": plain(frame.points),
        "arrived": plain(frame.arrived),
        "trusted": plain(frame.trusted),
        "confidence": plain(frame.confidence),
        "threshold": None if track.threshold is None else plain(track.threshold),
        "drift": None if track.goals is None else plain(track.goals.drift),
        "losses": [plain(frame.losses.get(name, np.nan)) for name in losses],
        "scores": score_contents(frame),
    }


def _edit(recording: Recording, edit: Edit) -> dict[str, Any]:
    return {
        "targets": plain(edit.targets),
        "arrive": recording.arrive(edit),
        "mask": _mask(edit),
    }


@lru_cache(maxsize=KEPT)
def _mask(edit: Edit) -> str | None:
    if edit.mask is None:
        return None
    return _uri("png", png(mask_cover(edit.mask.numpy(), MOST_SIDE)))


@lru_cache(maxsize=KEPT)
def _key(edit: Edit) -> bytes:
    """The same for edits that are drawn alike."""
    mask = b"" if edit.mask is None else edit.mask.numpy().tobytes()
    return b"%r %b %b" % (edit.arrive, edit.targets.numpy().tobytes(), mask)


@lru_cache(maxsize=KEPT)
def _shown_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the images that a page shows of a run with such images."""
    image = Image.new("L", (width, height))
    image.thumbnail((MOST_SIDE, MOST_SIDE))
    return image.height, image.width


def _shown(frame: Frame) -> np.ndarray:
    """The frame's image, shrunk if it is larger than the page shows it."""
    image = Image.fromarray(frame.image)
    image.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
