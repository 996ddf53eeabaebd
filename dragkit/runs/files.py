"""Runs as files: a readable .json and, beside it, the arrays (.npz)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .frame import Frame
from ..records import Edit, Goals

FORMAT = 2  # since 2 gate and tracker are kept
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def write(frames: Iterable[Frame], path: str | Path, about: dict[str, Any]) -> Path:
    """Write the frames and, into the JSON, `about`; returns the path of the JSON."""
    frames, path = list(frames), _json(path)
    steps = [
        {
            "index": f.index,
            "points": f.points.tolist(),
            "losses": f.losses,
            "arrived": f.arrived.tolist(),
            "tracker": f.tracker,
            "trusted": f.trusted.tolist(),
            "stride": f.stride,
        }
        for f in frames
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), **_arrays(frames))
    text = {"dragkit": FORMAT, **about, "edit": frames[0].edit.to_dict(), "steps": steps}
    path.write_text(json.dumps(text, indent=1) + "\n")
    return path


def read(path: str | Path) -> tuple[list[Frame], dict[str, Any]]:
    """What :func:`write` wrote: the frames, and what the JSON holds. Raises ValueError where the
    files hold something else.
    """
    path = _json(path)
    try:
        text = json.loads(path.read_text())
        if text["dragkit"] != FORMAT:
            raise ValueError(
                f"it has format {text['dragkit']}, this dragkit reads {FORMAT}; run the drag again"
            )
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if len(arrays["image"]) != len(text["steps"]):
            raise ValueError(f"{len(text['steps'])} steps, but {len(arrays['image'])} images")
        edit = Edit.from_dict(text["edit"])
        return [_frame(edit, step, arrays, i) for i, step in enumerate(text["steps"])], text
    except FileNotFoundError as error:
        raise ValueError(
            f"{error.filename} is missing; a saved run is a .json and a .npz of the same name"
        ) from error
    except Exception as error:
        raise ValueError(
            f"{path} and its .npz do not hold a run that dragkit saved ({error})"
        ) from error


def _arrays(frames: list[Frame]) -> dict[str, np.ndarray]:
    """The tensors by name; windows may differ in size, and steps in their maps, so each of those
    has a name of its own.
    """
    arrays = {
        name: np.stack([np.asarray(getattr(f, name)) for f in frames])
        for name in ("latent", "near", "centre", "confidence", "first", "image")
    }
    for i, f in enumerate(frames):
        arrays |= {f"scores{i}": np.asarray(f.scores)} | {
            f"map{i}/{name}": np.asarray(m) for name, m in f.maps.items()
        }
        if f.threshold is not None:
            arrays[f"threshold{i}"] = np.asarray(f.threshold)
        if f.goals is not None:
            arrays |= {
                f"goals{i}/{name}": np.asarray(value) for name, value in vars(f.goals).items()
            }
    for i, name in enumerate(MOMENTS):
        arrays[name] = np.stack([_moments(f)[i] for f in frames])
    return arrays


def _json(path: str | Path) -> Path:
    """`path` ending in .json; any other dot belongs to the name, as in ``lr0.5``."""
    path = Path(path)
    return (
        path
        if path.suffix == ".json"
        else path.with_name(path.name.removesuffix(".npz") + ".json")
    )


def _moments(frame: Frame) -> list[np.ndarray]:
    """Adam's state of a frame as arrays; zeros before the first update."""
    state = frame.optimiser.get(0)
    zeros = torch.zeros_like(frame.latent)
    return [
        np.asarray(v.cpu())
        for v in ([state[k] for k in MOMENTS] if state else [torch.zeros([]), zeros, zeros])
    ]


def _frame(edit: Edit, step: dict[str, Any], arrays: dict[str, np.ndarray], i: int) -> Frame:
    tensor = lambda name: torch.from_numpy(arrays[name][i : i + 1])[0]  # noqa: E731
    state = {name: tensor(name) for name in MOMENTS}
    maps = {
        name.partition("/")[2]: torch.from_numpy(m)
        for name, m in arrays.items()
        if name.startswith(f"map{i}/")
    }
    threshold = arrays.get(f"threshold{i}")
    goals = {
        name.partition("/")[2]: a for name, a in arrays.items() if name.startswith(f"goals{i}/")
    }
    return Frame(
        step["index"],
        tensor("latent"),
        edit,
        torch.tensor(step["points"]),
        tensor("confidence"),
        torch.from_numpy(arrays[f"scores{i}"]),
        step["losses"],
        torch.tensor(step["arrived"]),
        arrays["image"][i],
        {0: state} if state["step"] else {},
        tensor("near"),
        tensor("first"),
        step["tracker"],
        maps,
        None if threshold is None else torch.from_numpy(threshold),
        step.get("stride", 1),
        _goals(**goals) if goals else None,
        None,
        tensor("centre" if "centre" in arrays else "near"),
    )


def _goals(cases: np.ndarray, **tensors: np.ndarray) -> Goals:
    return Goals(
        cases=tuple(cases.tolist()),
        **{name: torch.from_numpy(value) for name, value in tensors.items()},
    )
