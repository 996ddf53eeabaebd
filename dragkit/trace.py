"""What a run leaves behind: a `Trace` of one light `Frame` per step."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from .compose import paint
from .records import Edit, Goals, Step, TrackResult, describe, trusted

FORMAT = 2  # of saved runs; since 2 they keep gate and tracker
STALLED = 30  # steps without coming nearer after which a handle counts as lost; our choice


@dataclass(frozen=True, eq=False)
class Frame:
    """A `Step` without its view: what a `Trace` keeps, light enough for every step.

    `image` is uint8 (H W 3); all else is as in `Step` and its `TrackResult`. The tracker's `memory` is not saved with a trace.
    A frame can be passed as ``drag(…, resume=frame)``.
    """

    index: int
    latent: Tensor = field(repr=False)
    edit: Edit
    points: Tensor
    confidence: Tensor
    scores: Tensor = field(repr=False)
    losses: dict[str, float]
    arrived: Tensor
    image: np.ndarray = field(repr=False)
    optimiser: dict[str, Any] = field(repr=False)
    near: Tensor = field(repr=False)
    first: Tensor = field(repr=False)
    tracker: str = field(repr=False)
    maps: dict[str, Tensor] = field(repr=False)
    threshold: Tensor | None = field(repr=False)
    stride: float = 1
    goals: Goals | None = field(default=None, repr=False)
    memory: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, step: Step) -> Frame:
        """Render the step's picture and drop its view."""
        image = step.view.image.movedim(0, -1).mul(255).round().byte().cpu().numpy()
        track = step.track
        optimiser = {i: {name: moment.cpu() for name, moment in state.items()} for i, state in step.optimiser.items()}
        return cls(
            step.index, step.latent.cpu(), step.edit.to("cpu"), track.points.cpu(), track.confidence.cpu(), track.scores.cpu(),
            dict(step.losses), step.arrived.cpu(), image, optimiser, step.near.cpu(), step.first.cpu(), step.tracker,
            {name: m.cpu() for name, m in track.maps.items()}, None if track.threshold is None else track.threshold.cpu(),
            track.stride, None if track.goals is None else track.goals.to("cpu"), step.memory,
        )  # fmt: skip

    @property
    def distance(self) -> Tensor:
        """(n) from each handle to its target, in pixels."""
        return (self.edit.targets - self.points).norm(dim=1)

    @property
    def trusted(self) -> Tensor:
        """(n) bool: what the gate said."""
        return trusted(self.confidence, self.threshold)

    def paint(self, path: np.ndarray | None = None, handle: int | None = None, **look: Any) -> Image.Image:
        """The picture with handles, targets and mask drawn in.

        Args:
            path: (steps n 2) the handles' way so far: ``trace.path(i)``.
            handle: whose score window to add.
            look: `size` in pixels and more, as in :func:`dragkit.compose.paint`.
        """
        if handle is not None:
            look |= self.window(handle)
        points, targets = self.points.numpy(), self.edit.targets.numpy()
        return paint(self.image, points, targets, path=path, mask=self.edit.mask, **look)

    def window(self, handle: int) -> dict[str, Any]:
        """The score window of a handle, for :func:`dragkit.compose.paint`."""
        candidates = None if self.goals is None else self.goals.candidates[handle].numpy()
        return {"scores": self.scores[handle].numpy(), "near": self.near[handle].numpy(), "stride": self.stride, "candidates": candidates}

    def __str__(self) -> str:
        return describe(self.index, self.losses, self.confidence, self.arrived)


class Trace:
    """The light record of a run: a list of `Frame`, one per step.

    ``trace.append(step)`` takes a `Step` of `drag`; ``Trace(drag(…))`` takes a whole run, and an interrupt
    keeps the steps made so far. It can be saved and loaded, drawn (:mod:`dragkit.plot`), played (:class:`dragkit.Player`) and exported.
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
            warnings.warn(f"interrupted: the trace keeps steps {self.frames[0].index} to {self.frames[-1].index}; drag(…, resume=trace[-1]) goes on from there", stacklevel=2)

    @classmethod
    def of(cls, model: Any, pairs: Iterable[tuple[Tensor, Any]], edit: Edit, arrive: float = 1.0) -> Trace:
        """The record of a loop of your own: what it yielded, as pairs of a latent and its points, one (x, y) or (n 2).

        The pictures are rendered anew from the latents. What such a loop does not tell is not made up: the confidence is NaN, there
        are no losses and no score windows. :func:`dragkit.session.retrack` says what a tracker sees on the same pictures.

        Raises:
            ValueError: points that are not one for each handle of the edit.
        """
        trace, edit = cls(), edit.fit(model.size).to("cpu")
        for index, (latent, points) in enumerate(pairs):
            latent, points = latent.detach(), torch.as_tensor(points).detach().float().cpu().reshape(-1, 2)
            if points.shape != edit.handles.shape:
                raise ValueError(f"pair {index} has {len(points)} points, the edit {len(edit.handles)} handles; give one point for each")
            unknown, nowhere = torch.full([len(points)], torch.nan), torch.full([len(points), 1, 1], torch.nan)
            track = TrackResult(points, unknown, nowhere, None)
            arrived = (edit.targets - points).norm(dim=1) <= (edit.arrive or arrive)
            trace.append(Step(index, latent.clone(), edit, model.view(latent), track, {}, arrived, {}, points, unknown, "your own"))
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
        return torch.stack([f.points for f in self.frames[: None if until is None else until + 1]]).numpy()

    def why(self) -> str:
        """Why the run stands where it stands: arrived, not there yet, or lost (which handle, since when).

        A handle counts as lost when it has not come nearer to its target for 30 steps (our choice).
        """
        if not self.frames:
            return "no steps yet"
        last = self.frames[-1]
        if last.arrived.all():
            return f"arrived after {last.index} steps"
        distances = torch.stack([f.distance for f in self.frames])
        nearest = distances.argmin(0)
        stuck = [
            f"handle {i} is lost: {last.distance[i]:.1f} px from its target, no nearer since step {self.frames[k].index}"
            for i, k in enumerate(nearest.tolist())
            if not last.arrived[i] and len(self) - 1 - k >= STALLED
        ]
        missing = int((~last.arrived).sum())
        return "; ".join(stuck) or f"not there yet after {last.index} steps: {missing} of {len(last.arrived)} handles still on the way"

    def to_frame(self):
        """A pandas table: one row per step and handle."""
        import pandas as pd

        rows = [
            {"step": f.index, "handle": i, "x": x, "y": y, "distance": f.distance[i].item(),
             "confidence": f.confidence[i].item(), "trusted": bool(f.trusted[i]), "arrived": bool(f.arrived[i]), **f.losses}
            for f in self.frames
            for i, (x, y) in enumerate(f.points.tolist())
        ]  # fmt: skip
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
        pictures = [
            np.asarray(f.paint(self.path(i), size=size))
            for i, f in enumerate(tqdm(self.frames, path.name, unit="frame"))
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        iio.imwrite(path, pictures, **settings)
        return path

    def _must_have_steps(self) -> None:
        if not self.frames:
            raise ValueError("the trace is empty; run a step first")

    def save(self, path: str | Path, **about: Any) -> Path:
        """Write ``path`` (.json, readable) and, beside it, its arrays (.npz); returns the path.

        `about` goes into the JSON: the model's name, the method, anything that shall be remembered.
        """
        self._must_have_steps()
        path = _json(path)
        steps = [
            {"index": f.index, "points": f.points.tolist(), "losses": f.losses, "arrived": f.arrived.tolist(),
             "tracker": f.tracker, "trusted": f.trusted.tolist(), "stride": f.stride}
            for f in self.frames
        ]  # fmt: skip
        arrays = {name: np.stack([np.asarray(getattr(f, name)) for f in self.frames])
                  for name in ("latent", "near", "confidence", "first", "image")}  # fmt: skip
        for i, f in enumerate(self.frames):  # windows may differ in size, and steps in their maps
            arrays |= {f"scores{i}": np.asarray(f.scores)} | {f"map{i}/{name}": np.asarray(m) for name, m in f.maps.items()}
            if f.threshold is not None:
                arrays[f"threshold{i}"] = np.asarray(f.threshold)
            if f.goals is not None:
                arrays |= {f"goals{i}/{name}": np.asarray(value) for name, value in vars(f.goals).items()}
        for i, name in enumerate(MOMENTS):
            arrays[name] = np.stack([_moments(f)[i] for f in self.frames])
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path.with_suffix(".npz"), **arrays)
        about = ({"about": self.about} if self.about else {}) | about
        text = {"dragkit": FORMAT, **about, "edit": self.frames[0].edit.to_dict(), "why": self.why(), "steps": steps}
        path.write_text(json.dumps(text, indent=1) + "\n")
        return path

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read what :meth:`save` wrote. Raises ValueError where that is not what the files hold."""
        path = _json(path)
        try:
            text = json.loads(path.read_text())
            if text["dragkit"] != FORMAT:
                raise ValueError(f"it has format {text['dragkit']}, this dragkit reads {FORMAT}; run the drag again")
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if len(arrays["image"]) != len(text["steps"]):
                raise ValueError(f"{len(text['steps'])} steps, but {len(arrays['image'])} pictures")
            edit = Edit.from_dict(text["edit"])
            trace = cls([_frame(edit, step, arrays, i) for i, step in enumerate(text["steps"])])
            trace.about = dict(text.get("about", {}))
            return trace
        except FileNotFoundError as error:
            raise ValueError(f"{error.filename} is missing; a saved run is a .json and a .npz of the same name") from error
        except Exception as error:
            raise ValueError(f"{path} and its .npz do not hold a run that dragkit saved ({error})") from error


def _json(path: str | Path) -> Path:
    """`path` ending in .json; any other dot belongs to the name, as in ``lr0.5``."""
    path = Path(path)
    return path if path.suffix == ".json" else path.with_name(path.name.removesuffix(".npz") + ".json")


MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def _moments(frame: Frame) -> list[np.ndarray]:
    """Adam's state of a frame as arrays; zeros before the first update."""
    state = frame.optimiser.get(0)
    zeros = torch.zeros_like(frame.latent)
    return [np.asarray(v.cpu()) for v in ([state[k] for k in MOMENTS] if state else [torch.zeros([]), zeros, zeros])]


def _frame(edit: Edit, step: dict[str, Any], arrays: dict[str, np.ndarray], i: int) -> Frame:
    tensor = lambda name: torch.from_numpy(arrays[name][i : i + 1])[0]  # noqa: E731
    state = {name: tensor(name) for name in MOMENTS}
    maps = {name.partition("/")[2]: torch.from_numpy(m) for name, m in arrays.items() if name.startswith(f"map{i}/")}
    threshold = arrays.get(f"threshold{i}")
    goals = {name.partition("/")[2]: a for name, a in arrays.items() if name.startswith(f"goals{i}/")}
    return Frame(
        step["index"], tensor("latent"), edit, torch.tensor(step["points"]), tensor("confidence"), torch.from_numpy(arrays[f"scores{i}"]),
        step["losses"], torch.tensor(step["arrived"]), arrays["image"][i], {0: state} if state["step"] else {}, tensor("near"),
        tensor("first"), step["tracker"], maps, None if threshold is None else torch.from_numpy(threshold),
        step.get("stride", 1), _goals(**goals) if goals else None,
    )  # fmt: skip


def _goals(cases: np.ndarray, **tensors: np.ndarray) -> Goals:
    return Goals(cases=tuple(cases.tolist()), **{name: torch.from_numpy(value) for name, value in tensors.items()})
