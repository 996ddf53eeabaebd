"""From results to a table: a row for each method and group, each mean with its interval.

Groups are made by any keys of the results: ``by=("handles",)`` tells drags of one point from drags
of many. A drag that failed has no value: it is counted in its own column and belongs to no mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..arguments import instance, named_arguments, shown
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
OF_A_RUN = ("error", "arrived", "handles", "steps", "seconds")  # what a table counts besides
DIGITS = 3  # significant digits of a printed number


@named_arguments
def table(
    results: Iterable[Mapping[str, Any]],
    by: Sequence[str] = ("handles",),
    value: str = "mean_distance",
) -> pd.DataFrame:
    """How each method did, in the order in which the methods come.

    Columns: `pairs` with a value; their `mean`, `low` and `high` (95 % bootstrap interval of the
    mean) and `median`; `arrived`, the fraction of handles of which the tracker says so; `steps`
    and `seconds`, means of the drags that did not fail; `failed`, how many did.

    Args:
        results: one per task and method.
        by: names of the groups; ``("handles",)`` tells drags of one point from drags of many.
        value: what is averaged.

    Raises:
        TypeError: the results are something else, or `by` is.
        ValueError: no results, or a `value` or `by` that none of them has; those they have are
            listed. Or the `value` is not a number.
    """
    frame = _as_frame(results, by, value, OF_A_RUN)
    rows = {key: _statistics(group, value) for key, group in _groups(frame, by)}
    return _labelled(rows, by, value)


@named_arguments
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

    Args:
        results: one per task and method.
        baseline: the method that the others are compared with.
        by, value: as for :func:`table`.

    Raises:
        TypeError: as :func:`table`.
        ValueError: as :func:`table`, or a `baseline` that is not a method of the results, or is
            the only one.
    """
    frame = _as_frame(results, by, value)
    methods = list(dict.fromkeys(frame["method"]))
    if not isinstance(baseline, str) or baseline not in methods:
        raise ValueError(
            f"no method {shown(baseline)} in these results; they have {', '.join(methods)}"
        )
    if len(methods) == 1:
        raise ValueError(f"{baseline!r} is the only method in these results; compare two or more")
    is_baseline = frame["method"] == baseline
    base = frame[is_baseline].set_index("task")[value]
    rows = {
        key: _ratio(group.set_index("task")[value], base)
        for key, group in _groups(frame[~is_baseline], by)
    }
    return _labelled(rows, by, value)


@named_arguments
def markdown(frame: pd.DataFrame) -> str:
    """The table for a README: three digits, units in its head, any names."""
    instance("frame", frame, pd.DataFrame, "what table or compare returned")
    sides = _alignment(frame, "left", "right")
    text = _printed(frame).map(_in_a_cell).rename(columns=_in_a_cell)
    return text.to_markdown(index=False, disable_numparse=True, colalign=sides)


@named_arguments
def latex(frame: pd.DataFrame) -> str:
    """The table for a paper (needs the LaTeX package booktabs)."""
    instance("frame", frame, pd.DataFrame, "what table or compare returned")
    sides = "".join(_alignment(frame, "l", "r"))
    return _printed(frame).to_latex(index=False, escape=True, column_format=sides)


def _as_frame(
    results: Iterable[Mapping[str, Any]],
    by: Sequence[str],
    value: str,
    others: Sequence[str] = (),
) -> pd.DataFrame:
    """The results as rows that have what is asked for: groups, a number, and `others`."""
    frame = pd.DataFrame(_checked_rows(results))
    instance("by", by, (list, tuple), 'a list of names, such as ("handles",)')
    for name in (*by, value):
        instance("a column", name, str, 'its name, such as "mean_distance"')
    for name in ("task", "method", *by, value, *others):
        if name not in frame:
            raise ValueError(
                f"no result has {shown(name)}; they have {', '.join(map(str, frame.columns))}"
            )
    _check_groups(frame, by)
    if not pd.api.types.is_numeric_dtype(frame[value]):
        raise ValueError(f"{value!r} is not a number in every result, and has no mean")

    twice = frame.duplicated(["task", "method"])
    if twice.any():
        task, method = frame.loc[twice, ["task", "method"]].iloc[0]
        raise ValueError(f"two results for task {task!r}, method {method!r}; a task counts once")
    return frame


def _checked_rows(results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    way_out = "what runner.run returned, or read_results(out)"
    instance("results", results, Iterable, way_out)
    rows = list(results)
    for number, row in enumerate(rows):
        instance(f"results[{number}]", row, Mapping, f"a dict; results is {way_out}")
    if not rows:
        raise ValueError(
            "no results; run some first, or read their file: table(read_results(out))"
        )
    return rows


def _check_groups(frame: pd.DataFrame, by: Sequence[str]) -> None:
    """Raise ValueError if results cannot be told apart by `by`."""
    if len({"method", *by}) <= len(by):
        raise ValueError(
            f"by is {by!r}; name each column once, and not the method, which has rows already"
        )
    for name in by:
        if not frame[name].map(pd.api.types.is_hashable).all():
            raise ValueError(
                f"results cannot be grouped by {name!r}, which is a list or a dict; name another"
            )


def _groups(frame: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """(key, rows) of each method and group: groups in order, within them methods as they come."""
    order = {method: i for i, method in enumerate(dict.fromkeys(frame["method"]))}

    def position(item: tuple[tuple[Any, ...], pd.DataFrame]) -> tuple[Any, ...]:
        method, *group = item[0]
        return *group, order[method]

    return sorted(frame.groupby(["method", *by], dropna=False), key=position)


def _statistics(group: pd.DataFrame, value: str) -> dict[str, Any]:
    values = group[value].dropna()
    ended = group[group["error"].isna()]
    low, high = bootstrap(values)
    return {
        "pairs": len(values),
        "mean": values.mean(),
        "low": low,
        "high": high,
        "median": values.median(),
        "arrived": group["arrived"].sum() / group["handles"].sum(),
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


def _labelled(
    rows: Mapping[tuple[Any, ...], Mapping[str, Any]], by: Sequence[str], value: str
) -> pd.DataFrame:
    """Rows under their method and group; the columns' name says what was measured."""
    names = ["method", *by]
    frame = pd.DataFrame([{**dict(zip(names, key)), **row} for key, row in rows.items()])
    return frame.set_index(names).rename_axis(columns=value)


def _printed(frame: pd.DataFrame) -> pd.DataFrame:
    """All as text: rounded, with units."""
    text = frame.reset_index().map(_number)
    value = frame.columns.name
    # these have the unit of what was measured; a ratio has none
    measured = ("mean", "low", "high", "median") if "mean" in frame else ()
    heads = [_head(str(name), value, name in measured) for name in text]
    return text.set_axis(heads, axis=1)


def _head(column: str, value: str, measured: bool) -> str:
    """A column's name and unit, ``low [px]``; the first one says what was measured."""
    name = column
    if column in ("mean", "ratio"):
        name = f"{value} {column}"
    name = name.replace("_", " ")
    unit = UNITS.get(value if measured else column)
    return name if unit is None else f"{name} [{unit}]"


def _in_a_cell(text: str) -> str:
    r"""As Markdown shows it within a cell: a bar would end the cell, and a new line the table."""
    kept = text.replace("\\", r"\\").replace("|", r"\|")
    return " ".join(kept.splitlines())


def _number(value: Any) -> str:
    """Three digits, never as a power of ten: 1234.5 → 1234, 0.01234 → 0.0123; not measured → –."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return str(value)
    decimals = DIGITS - 1
    if value:
        decimals -= math.floor(math.log10(abs(value)))
    return f"{value:.{max(0, decimals)}f}"


def _alignment(frame: pd.DataFrame, words: str, numbers: str) -> list[str]:
    """How each printed column is aligned: words at the left, numbers at the right."""
    is_number = map(pd.api.types.is_numeric_dtype, frame.reset_index().dtypes)
    return [numbers if number else words for number in is_number]
