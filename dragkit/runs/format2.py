"""Runs that were saved before format 3, such as those in ``data/traces``, as format 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

RENAMED = {
    "near": "search_centre",
    "first": "initial_confidence",
    "confidence": "track/confidence",
    "centre": "track/window_centre",
}
METADATA = {"picture": "image", "steps of the road": "schedule steps"}
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def convert_format2(
    text: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON and the arrays of a run of format 2, as format 3 has them."""
    steps = text["steps"]
    plain = [
        {"index": step["index"], "tracker": step["tracker"], "track/stride": step.get("stride", 1)}
        | {f"losses/{name}": value for name, value in step["losses"].items()}
        for step in steps
    ]
    converted = {
        "track/points": np.array([step["points"] for step in steps], np.float32),
        "arrived": np.array([step["arrived"] for step in steps]),
    }
    for name, array in arrays.items():
        if name not in MOMENTS:
            converted[_renamed(name)] = array

    for i in range(len(steps)):
        cases = converted.pop(f"track/goals/cases@{i}", None)
        if cases is not None:
            plain[i]["track/goals/cases"] = cases.tolist()
        if arrays["step"][i]:  # Adam has no moments before its first update
            for name in MOMENTS:
                converted[f"optimizer_state/0/{name}@{i}"] = arrays[name][i]

    metadata = {METADATA.get(key, key): value for key, value in text.get("about", {}).items()}
    return {**text, "dragkit": 3, "steps": plain, "metadata": metadata}, converted


def _renamed(name: str) -> str:
    """ "scores3" → "track/scores@3", "map3/learned" → "track/maps/learned@3", and so on."""
    for old in ("scores", "threshold"):
        if name.startswith(old):
            return f"track/{old}@{name.removeprefix(old)}"
    for old, new in (("map", "maps"), ("goals", "goals")):
        folder, slash, leaf = name.partition("/")
        if slash and folder.startswith(old):
            return f"track/{new}/{leaf}@{folder.removeprefix(old)}"
    return RENAMED.get(name, name)
