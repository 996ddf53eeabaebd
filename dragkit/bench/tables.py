"""From results to a table: one row a method and group, every mean with the interval it may lie in.

Groups are made by any keys of the results: ``by=("handles",)`` tells drags of one point from drags
of many. A drag that failed has no value: it is counted in its own column and belongs to no mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from .metrics import bootstrap, interval, resamplings

UNITS = {
    "mean_distance": "px",
    "tracker_error": "px",
    "claimed_distance": "px",
    "change_outside": "grey levels",
    "seconds": "s",
    "start_seconds": "s",
    "psnr": "dB",
}
DIGITS = 3  # that a printed number keeps


def table(
    results: Iterable[Mapping[str, Any]],
    by: Sequence[str] = ("handles",),
    value: str = "mean_distance",
) -> pd.DataFrame:
    """How each method did, in the order in which the methods come.

    Columns: `pairs` with a value; their `mean`, `low` and `high` (95 % bootstrap interval of the
    mean) and `median`; `arrived`, the share of handles of which the tracker says so; `steps` and
    `seconds`, means of the drags that did not fail; `failed`, how many did.

    Raises:
        ValueError: no results, or a `value` or `by` that none of them has; those they have are
            listed.
    """
    frame = _frame(results, [*by, value])
    rows = [
        dict(zip(("method", *by), key)) | _row(group, value) for key, group in _groups(frame, by)
    ]
    return _named(rows, by, value)


def compare(
    results: Iterable[Mapping[str, Any]],
    baseline: str,
    by: Sequence[str] = ("handles",),
    value: str = "mean_distance",
) -> pd.DataFrame:
    """Every other method's mean over the baseline's, on the tasks that both have a value for.

    Columns: `pairs`; `ratio` of the two means, below 1 = less than the baseline; `low` and `high`,
    its 95 % bootstrap interval. Both methods are resampled together, task by task, so what makes a
    task hard for both does not widen the interval.

    Raises:
        ValueError: as :func:`table`, or a `baseline` that is no method of the results.
    """
    frame = _frame(results, [*by, value])
    if baseline not in set(frame["method"]):
        raise ValueError(
            f"no method {baseline!r} in these results; they have"
            f" {', '.join(dict.fromkeys(frame['method']))}"
        )
    base = frame[frame["method"] == baseline].set_index("task")[value]
    others = _groups(frame[frame["method"] != baseline], by)
    rows = [
        dict(zip(("method", *by), key)) | _ratio(group.set_index("task")[value], base)
        for key, group in others
    ]
    return _named(rows, by, value)


def markdown(frame: pd.DataFrame) -> str:
    """The table for a README: three digits, units in its head."""
    text = _printed(frame)
    return text.to_markdown(
        index=False, disable_numparse=True, colalign=_sides(frame, "left", "right")
    )


def latex(frame: pd.DataFrame) -> str:
    """The table for a paper (needs the LaTeX package booktabs)."""
    return _printed(frame).to_latex(
        index=False, escape=True, column_format="".join(_sides(frame, "l", "r"))
    )


def _frame(results: Iterable[Mapping[str, Any]], needed: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(results))
    if frame.empty:
        raise ValueError("no results; run some first, or read their file: table(runner.read(out))")
    for name in needed:
        if name not in frame:
            raise ValueError(
                f"no result has {name!r}; they have {', '.join(map(str, frame.columns))}"
            )
    if frame.duplicated(["task", "method"]).any():
        task, method = frame.loc[frame.duplicated(["task", "method"]), ["task", "method"]].iloc[0]
        raise ValueError(f"two results for task {task!r}, method {method!r}; a task counts once")
    return frame


def _groups(frame: pd.DataFrame, by: Sequence[str]):
    """(key, rows) of each method and group: groups in order, within them methods as they come."""
    order = {method: i for i, method in enumerate(dict.fromkeys(frame["method"]))}
    groups = list(frame.groupby(["method", *by], dropna=False))
    return sorted(groups, key=lambda group: (*group[0][1:], order[group[0][0]]))


def _row(group: pd.DataFrame, value: str) -> dict[str, Any]:
    values, ended = group[value].dropna(), group[group["error"].isna()]
    low, high = bootstrap(values)
    row = {
        "pairs": len(values),
        "mean": values.mean(),
        "low": low,
        "high": high,
        "median": values.median(),
    }
    row |= {"arrived": group["arrived"].sum() / group["handles"].sum()}
    return row | {
        "steps": ended["steps"].mean(),
        "seconds": ended["seconds"].mean(),
        "failed": len(group) - len(ended),
    }


def _ratio(values: pd.Series, base: pd.Series) -> dict[str, Any]:
    """The ratio of the means over the tasks that both have, resampled as pairs."""
    both = pd.DataFrame({"value": values, "base": base}).dropna()
    low = high = float("nan")
    if len(both) > 1:
        means = both.to_numpy()[resamplings(len(both))].mean(1)  # (n 2)
        low, high = interval(means[:, 0] / means[:, 1])
    return {
        "pairs": len(both),
        "ratio": both["value"].mean() / both["base"].mean(),
        "low": low,
        "high": high,
    }


def _named(rows: list[dict[str, Any]], by: Sequence[str], value: str) -> pd.DataFrame:
    """Rows under their method and group; the columns' name says what was measured."""
    frame = pd.DataFrame(rows).set_index(["method", *by])
    return frame.rename_axis(columns=value)


def _printed(frame: pd.DataFrame) -> pd.DataFrame:
    """All as text: rounded, with units."""
    text = frame.reset_index().map(_number)
    # a ratio has no unit
    like_value = ("mean", "low", "high", "median") if "mean" in frame else ()
    return text.set_axis(
        [_head(str(name), frame.columns.name, name in like_value) for name in text], axis=1
    )


def _head(column: str, value: str, like_value: bool) -> str:
    """A column's name and unit, ``low [px]``; the first one says what was measured."""
    name = f"{value} {column}" if column in ("mean", "ratio") else column
    unit = UNITS.get(value if like_value else column)
    return name.replace("_", " ") + (f" [{unit}]" if unit else "")


def _number(value: Any) -> str:
    """Three digits, never as a power of ten: 1234.5 → 1234, 0.01234 → 0.0123; not measured → –."""
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "–" if math.isnan(value) else str(value)
    decimals = DIGITS - 1 - math.floor(math.log10(abs(value))) if value else DIGITS - 1
    return f"{value:.{max(0, decimals)}f}"


def _sides(frame: pd.DataFrame, words: str, numbers: str) -> list[str]:
    """How each printed column is aligned: words at the left, numbers at the right."""
    return [
        numbers if pd.api.types.is_numeric_dtype(dtype) else words
        for dtype in frame.reset_index().dtypes
    ]
