"""What a run leaves behind: a `Trace` with one light `Frame` per step."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..arguments import instance, named_arguments, positive, shown
from ..contract import checked_metadata
from ..leaving import unless_leaving
from ..numeric import is_whole
from ..page import write_page
from ..pieces import Viewer
from ..records import Edit, Frame, Step
from ..validation import check_model_and_edit
from .checks import check_follows, check_frames
from .drawing import draw_frame
from .files import read_run, write_run
from .notes import Done, interventions_as_json
from .outcome import why
from .own_loop import step_of_pair
from .recording import checked_title, recording_of
from .table import as_table
from .video import Film, frame_rate

if TYPE_CHECKING:
    from pandas import DataFrame


# names in the JSON
RESERVED = {"dragkit", "id", "edit", "steps", "metadata", "why", "interventions"}

_writers: WeakKeyDictionary[Trace, int] = WeakKeyDictionary()  # threads that add steps to traces


def position_in(trace: Trace, index: int) -> int:
    """The position of a frame, counted from the start; -1 is the last.

    Raises:
        IndexError: there is no such frame.
        TypeError: `index` is not a whole number.
    """
    count = len(trace.frames)
    if not is_whole(index):
        raise TypeError(f"a step is found by a whole number, and this is {shown(index)}")
    if not -count <= index < count:
        has = f"has steps 0 to {count - 1}" if count else "is empty"
        raise IndexError(f"step {index} is not in the trace, which {has}")
    return int(index) % count


@named_arguments
class Trace:
    """The light record of a run: a list of `Frame`, one per step.

    ``trace.append(step)`` takes a `Step` of `drag`. ``Trace(drag(…))`` takes a whole run, and an
    interrupt keeps the steps made so far. A trace can be saved and loaded, drawn
    (:mod:`dragkit.plot`), played (:class:`dragkit.Player`) and exported.

    Of a generator, the image of a step is made when it is first looked at, or when the trace is
    saved, copied or pickled; until then the frame keeps the generator. Whoever changes its weights
    in place before that gets images of the changed one, and a warning: save the trace first, or
    change a copy, as :func:`dragkit.tune` does.

    Attributes:
        frames: the steps so far.
        metadata: what the model said about itself, such as a diffusion model's strength.
        interventions: what was done to the run on its way, each with the index of its step
            (:mod:`dragkit.interventions`); of somebody's own, a file knows the printed form.
    """

    def __init__(self, steps: Iterable[Step | Frame] = ()) -> None:
        instance("steps", steps, Iterable, "the steps of a run, such as dragkit.drag(…)")
        self.frames: list[Frame] = []
        self.metadata: dict[str, Any] = {}
        self.interventions: list[Done] = []
        if isinstance(steps, Trace):
            self.metadata |= steps.metadata
            self.interventions += steps.interventions
        try:
            for step in steps:
                self.append(step)
        except KeyboardInterrupt:
            if not self.frames:
                raise
            warnings.warn(
                f"interrupted: the trace has steps {self.frames[0].index} to"
                f" {self.frames[-1].index}; drag(…, resume=trace[-1]) continues from there",
                stacklevel=2,
            )

    @classmethod
    def of(
        cls,
        model: Viewer,
        pairs: Iterable[tuple[Tensor, Any]],
        edit: Edit,
        arrive: float = 1.0,
    ) -> Trace:
        """The record of your own loop, from the pairs of latent and points that it yielded.

        The images are rendered again from the latents. What such a loop does not report is not
        made up: the confidence is NaN, and there are no losses and no score windows.
        :func:`dragkit.runs.retrack` says what a tracker sees on the same images.

        Args:
            pairs: a latent, and its points: one (x, y), or (n 2).
            arrive: stop distance in pixels; `edit.arrive` takes precedence.

        Raises:
            TypeError: a pair is none, or a part of it is something else.
            ValueError: the number of points is not that of the edit's handles, a point is not
                finite, or a latent is not one of this model.
        """
        check_model_and_edit(model, edit)
        arrive = positive("arrive", arrive, 1)
        edit = edit.fit(model.size).to("cpu")
        trace = cls()
        for index, pair in enumerate(pairs):
            trace.append(step_of_pair(model, index, pair, edit, arrive))
        return trace

    def append(self, step: Step | Frame) -> Frame:
        """Keep one step; returns its frame.

        Raises:
            TypeError: it is something else.
            ValueError: it is of another model, or of another number of handles.
            RuntimeError: another thread runs the session that the trace belongs to.
        """
        instance("step", step, (Step, Frame), "a step of dragkit.drag, or a frame of a trace")
        if _writers.get(self, threading.get_ident()) != threading.get_ident():
            raise RuntimeError(
                "a session is adding its steps to this trace; stop it first, or append to a copy:"
                " dragkit.Trace(trace)"
            )
        with unless_leaving():
            frame = step if isinstance(step, Frame) else Frame.kept(step)
        if self.frames:
            check_follows(frame, self.frames[0])
        if not self.metadata:
            self.metadata = dict(frame.step.metadata)
        self.frames.append(frame)
        return frame

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For the one thread that may append now, such as a session's."""
        before = _writers.get(self)
        _writers[self] = threading.get_ident()
        try:
            yield
        finally:
            del _writers[self]
            if before is not None:
                _writers[self] = before

    def until(self, index: int) -> Trace:
        """The beginning of the run, up to and including the frame at position `index`.

        What was done at that step is not in it, because only later steps show it.
        """
        beginning = Trace(self)
        del beginning.frames[position_in(self, index) + 1 :]
        now = beginning[-1].index
        beginning.interventions = [done for done in self.interventions if done[0] < now]
        return beginning

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Frame:
        return self.frames[position_in(self, index)]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __repr__(self) -> str:
        return f"Trace({len(self)} steps: {self.why()})"

    def path(self, until: int | None = None) -> np.ndarray:
        """(steps n 2) every handle's path, up to the frame at position `until`."""
        self._check_not_empty()
        end = None if until is None else position_in(self, until) + 1
        return torch.stack([frame.points for frame in self.frames[:end]]).numpy()

    def why(self) -> str:
        """Why the run stands where it stands, see :func:`dragkit.runs.outcome.why`."""
        return why(self.frames)

    def to_dataframe(self) -> DataFrame:
        """A pandas table with one row per step and handle.

        A loss that is called like another column has "loss" before its name.
        """
        return as_table(self.frames)

    def to_gif(self, path: str | Path, fps: int = 15, size: int = 384) -> Path:
        """Write the run as an animated GIF, with handles, targets and paths drawn in.

        Args:
            fps: frames a second, 0.01 to 100; a GIF counts in hundredths of a second.
            size: height of the images in pixels.

        Returns:
            The path.

        Raises:
            ValueError: another ending, an empty trace, or a setting that makes no film.
        """
        return self.film(fps, size).write_gif(path)

    def to_mp4(self, path: str | Path, fps: int = 15, size: int = 384) -> Path:
        """Write the run as an MP4, as :meth:`to_gif` does; needs the package imageio-ffmpeg.

        Raises:
            ModuleNotFoundError: the package is not there.
        """
        return self.film(fps, size).write_mp4(path)

    def to_html(
        self,
        path: str | Path,
        *,
        method: Mapping[str, Any] | None = None,
        title: str = "A drag run",
    ) -> Path:
        """Write the run as a page that any browser opens, see :func:`dragkit.to_html`.

        Args:
            method: what the run was made with, such as ``dk.methods.stabledrag()``, for the page's
                table of settings; a run does not remember it.
        """
        return write_page(path, checked_title(title), [recording_of("the run", self, method)])

    def film(self, fps: int = 15, size: int = 384) -> Film:
        """The run as a film, whose frames are drawn when it is written.

        Raises:
            ValueError: as :meth:`to_gif`.
        """
        rate = frame_rate(fps)
        self._check_not_empty()
        frames, path = self.frames, self.path()

        def draw(number: int) -> Image.Image:
            return draw_frame(frames[number], path[: number + 1], size=size)

        return Film(draw, len(frames), rate)

    def save(self, path: str | Path, **metadata: Any) -> Path:
        """Write ``path`` (.json, readable) and the arrays (.npz) beside it; returns the path.

        `metadata` goes into the JSON: the model's name, the method, whatever is worth remembering.

        Raises:
            ValueError: the trace is empty, a name of `metadata` is the file's own, or there is a
                frame that could not be opened again.
            TypeError: a value of `metadata` cannot be written as JSON. Nothing is written.
        """
        self._check_not_empty()
        for name in RESERVED & metadata.keys():
            raise ValueError(
                f"{name!r} is a name that the file itself uses; call what you save something else"
            )
        frames = list(self.frames)
        check_frames(frames)
        if self.metadata:
            notes = checked_metadata("of the trace's metadata", self.metadata)
            metadata = {"metadata": notes} | metadata
        if self.interventions:
            metadata |= {"interventions": interventions_as_json(self.interventions)}
        return write_run(frames, path, metadata | {"why": self.why()})

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: the files are missing, damaged, or hold something else.
        """
        frames, metadata, interventions = read_run(path)
        trace = cls(frames)
        trace.metadata = metadata
        trace.interventions = interventions
        return trace

    def _check_not_empty(self) -> None:
        if not self.frames:
            raise ValueError("the trace is empty; run a step first")
