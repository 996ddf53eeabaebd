"""What a run leaves behind: a `Trace` of one light `Frame` per step."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from .frame import Frame as Frame
from ..records import Edit, Step, TrackResult
from .files import read, write

STALLED = 30  # steps without coming nearer after which a handle counts as lost; our choice


class Trace:
    """The light record of a run: a list of `Frame`, one per step.

    ``trace.append(step)`` takes a `Step` of `drag`; ``Trace(drag(…))`` takes a whole run, and an
    interrupt keeps the steps made so far. It can be saved and loaded, drawn (:mod:`dragkit.plot`),
    played (:class:`dragkit.Player`) and exported.
    """

    def __init__(self, steps: Iterator[Step] | list[Frame] = ()) -> None:
        self.frames: list[Frame] = []
        self.about: dict[str, Any] = {}  # what the model told of itself
        try:
            for step in steps:
                self.append(step)
        except KeyboardInterrupt:
            if not self.frames:
                raise
            warnings.warn(
                f"interrupted: the trace keeps steps {self.frames[0].index} to"
                f" {self.frames[-1].index}; drag(…, resume=trace[-1]) goes on from there",
                stacklevel=2,
            )

    @classmethod
    def of(
        cls, model: Any, pairs: Iterable[tuple[Tensor, Any]], edit: Edit, arrive: float = 1.0
    ) -> Trace:
        """The record of a loop of your own: what it yielded, as pairs of a latent and its points,
        one (x, y) or (n 2).

        The images are rendered anew from the latents. What such a loop does not tell is not made
        up: the confidence is NaN, there are no losses and no score windows.
        :func:`dragkit.runs.session.retrack` says what a tracker sees on the same images.

        Raises:
            ValueError: points that are not one for each handle of the edit.
        """
        trace, edit = cls(), edit.fit(model.size).to("cpu")
        for index, (latent, points) in enumerate(pairs):
            latent, points = (
                latent.detach(),
                torch.as_tensor(points).detach().float().cpu().reshape(-1, 2),
            )
            if points.shape != edit.handles.shape:
                raise ValueError(
                    f"pair {index} has {len(points)} points, the edit {len(edit.handles)} handles;"
                    " give one point for each"
                )
            unknown, nowhere = (
                torch.full([len(points)], torch.nan),
                torch.full([len(points), 1, 1], torch.nan),
            )
            track = TrackResult(points, unknown, nowhere, None)
            arrived = (edit.targets - points).norm(dim=1) <= (edit.arrive or arrive)
            trace.append(
                Step(
                    index,
                    latent.clone(),
                    edit,
                    model.view(latent),
                    track,
                    {},
                    arrived,
                    {},
                    points,
                    unknown,
                    "your own",
                )
            )
        return trace

    def append(self, step: Step | Frame) -> Frame:
        """Keep one step; returns its light record."""
        frame = step if isinstance(step, Frame) else Frame.of(step)
        self.about = self.about or dict(getattr(step, "about", {}))
        self.frames.append(frame)
        return frame

    def until(self, index: int) -> Trace:
        """The beginning of the run, up to and with the frame at position `index`."""
        beginning = Trace(self.frames[: index + 1])
        beginning.about = dict(self.about)
        return beginning

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Frame:
        return self.frames[index]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __repr__(self) -> str:
        return f"Trace({len(self)} steps: {self.why()})"

    def path(self, until: int | None = None) -> np.ndarray:
        """(steps n 2) every handle's way up to the frame at position `until`."""
        return torch.stack(
            [f.points for f in self.frames[: None if until is None else until + 1]]
        ).numpy()

    def why(self) -> str:
        """Why the run stands where it stands: arrived, not there yet, or lost (which handle, since
        when).

        A handle counts as lost when it has not come nearer to its target for 30 steps (our
        choice).
        """
        if not self.frames:
            return "no steps yet"
        last = self.frames[-1]
        if last.arrived.all():
            return f"arrived after {last.index} steps"
        distances = torch.stack([f.distance for f in self.frames])
        nearest = distances.argmin(0)
        stuck = [
            f"handle {i} is lost: {last.distance[i]:.1f} px from its target, no nearer since step"
            f" {self.frames[k].index}"
            for i, k in enumerate(nearest.tolist())
            if not last.arrived[i] and len(self) - 1 - k >= STALLED
        ]
        missing = int((~last.arrived).sum())
        return (
            "; ".join(stuck)
            or f"not there yet after {last.index} steps: {missing} of {len(last.arrived)} handles still on the way"
        )

    def to_frame(self):
        """A pandas table: one row per step and handle."""
        import pandas as pd

        rows = [
            {
                "step": f.index,
                "handle": i,
                "x": x,
                "y": y,
                "distance": f.distance[i].item(),
                "confidence": f.confidence[i].item(),
                "trusted": bool(f.trusted[i]),
                "arrived": bool(f.arrived[i]),
                **f.losses,
            }
            for f in self.frames
            for i, (x, y) in enumerate(f.points.tolist())
        ]
        return pd.DataFrame(rows)

    def to_gif(self, path: str | Path, fps: int = 15, size: int = 384) -> Path:
        """Write the run as an animated GIF, handles, targets and paths drawn; returns the path."""
        return self._film(Path(path), ".gif", size, duration=1000 / fps, loop=0)

    def to_mp4(self, path: str | Path, fps: int = 15, size: int = 384) -> Path:
        """Write the run as an MP4; needs the package imageio-ffmpeg."""
        return self._film(Path(path), ".mp4", size, fps=fps)

    def _film(self, path: Path, suffix: str, size: int, **settings: Any) -> Path:
        import imageio.v3 as iio

        if path.suffix != suffix:
            raise ValueError(f"{path} must end in {suffix}")
        self._must_have_steps()
        images = [
            np.asarray(f.paint(self.path(i), size=size))
            for i, f in enumerate(tqdm(self.frames, path.name, unit="frame"))
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        iio.imwrite(path, images, **settings)
        return path

    def _must_have_steps(self) -> None:
        if not self.frames:
            raise ValueError("the trace is empty; run a step first")

    def save(self, path: str | Path, **about: Any) -> Path:
        """Write ``path`` (.json, readable) and, beside it, its arrays (.npz); returns the path.

        `about` goes into the JSON: the model's name, the method, anything that shall be
        remembered.
        """
        self._must_have_steps()
        return write(
            self.frames,
            path,
            ({"about": self.about} if self.about else {}) | about | {"why": self.why()},
        )

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read what :meth:`save` wrote. Raises ValueError where that is not what the
        files hold.
        """
        frames, text = read(path)
        trace = cls(frames)
        trace.about = dict(text.get("about", {}))
        return trace
