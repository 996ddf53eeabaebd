"""The drags of a benchmark as a page: before, after, points and distances, to be sorted.

It opens without a server. Its images stay where they are, and it runs no script but its own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import pandas as pd

from ..atomic import write_file
from ..page.document import source_hash
from ..tasks.task import Task

HERE = Path(__file__).parent
SCORES = {  # column → its head
    "md": "MD [px]",
    "m_md": "m-MD [px]",
    "mean_distance": "landmarks [px]",
    "fidelity": "IF",
    "pyramid": "pyramid",
    "dai_10": "DAI 10",
    "change_outside": "outside [levels]",
    "psnr": "PSNR [dB]",
    "steps": "steps made",
}
MARK = 0.02  # radius of a point in images


def write_page(path: Path, rows: pd.DataFrame, tasks: Sequence[Task], about: str) -> Path:
    """Write the page of the results of :func:`.dragbench.run_plan`; returns its path.

    Args:
        path: of the page, in the folder of the results, in which "images" is.
        rows: the results.
        tasks: that were dragged.
        about: a sentence above the table.
    """
    by_name = {task.name: task for task in tasks}
    shown = [name for name in SCORES if name in rows and rows[name].notna().any()]
    heads = ["task", "category", "method", "budget", "before", "after", "each pair [px]"]
    heads += [SCORES[name] for name in shown]

    lines = [
        _row(row, by_name[row["task"]], shown, path.parent) for row in rows.to_dict("records")
    ]
    style, script = (_part(name) for name in ("page.css", "page.js"))
    page = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title="Drags",
        about=escape(about),
        style=style,
        script=script,
        style_hash=source_hash(style),
        script_hash=source_hash(script),
        methods=_options(rows["method"]),
        budgets=_options(rows["budget"]),
        categories=_options(rows["category"]),
        heads="".join(f'<th><button type="button">{escape(head)}</button></th>' for head in heads),
        rows="\n".join(lines),
    )
    return write_file(path, page)


def _row(row: Mapping[str, Any], task: Task, shown: Sequence[str], folder: Path) -> str:
    """One drag as a line of the table."""
    after = folder / "images" / row["image"] if isinstance(row["image"], str) else None
    pairs = row.get("pairs")
    cells = [
        _cell(task.name),
        _cell(row["category"]),
        _cell(row["method"]),
        _cell(row["budget"], number=True),
        _image(task.image_file, folder, task),
        _cell(row["error"]) if after is None else _image(after, folder, task),
        _pairs(pairs if isinstance(pairs, list) else []),
        *(_cell(row[name], number=True) for name in shown),
    ]
    data = {name: row[name] for name in ("method", "budget", "category")}
    said = "".join(f' data-{name}="{escape(str(value))}"' for name, value in data.items())
    return f"<tr{said}>{''.join(cells)}</tr>"


def _cell(value: Any, number: bool = False) -> str:
    """A cell; what is not known is empty, and sorted last."""
    unknown = value is None or (isinstance(value, float) and math.isnan(value))
    plain = "" if unknown else str(value)
    text = f"{value:.3g}" if isinstance(value, float) and not unknown else plain
    kind = ' class="number"' if number else ""
    return f'<td{kind} data-value="{escape(plain)}">{escape(text)}</td>'


def _pairs(distances: Sequence[float]) -> str:
    """The distance of each pair, sorted by the largest."""
    text = ", ".join(f"{distance:.1f}" for distance in distances)
    return f'<td data-value="{max(distances, default="")}">{text}</td>'


def _image(file: Path, folder: Path, task: Task) -> str:
    """An image with the points over it, which opens when it is clicked."""
    height, width = task.image_size
    address = escape(_address(file, folder))
    radius = MARK * max(height, width)
    marks = []
    pairs = zip(task.edit.handles.tolist(), task.edit.targets.tolist(), strict=True)
    for (x, y), (u, v) in pairs:
        start, end = (x + 0.5, y + 0.5), (u + 0.5, v + 0.5)
        marks.append(
            f'<line class="way" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>'
        )
        for kind, (across, down) in (("handle", start), ("target", end)):
            marks.append(f'<circle class="{kind}" cx="{across}" cy="{down}" r="{radius}"/>')
    drawing = f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{"".join(marks)}</svg>'
    about = escape(task.name)
    return (
        f'<td data-value=""><a class="image" href="{address}"><img loading="lazy"'
        f' width="{width}" height="{height}" src="{address}" alt="{about}">{drawing}</a></td>'
    )


def _address(file: Path, folder: Path) -> str:
    """How a page in `folder` refers to a file; absolute if that is on another drive."""
    try:
        return quote(Path(os.path.relpath(file, folder)).as_posix())
    except ValueError:
        return file.absolute().as_uri()


def _options(values: Iterable[Any]) -> str:
    return "".join(f"<option>{escape(str(value))}</option>" for value in dict.fromkeys(values))


def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
