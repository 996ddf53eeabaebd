"""The drags of a benchmark as a page: before, after, points and distances, to be sorted.

It opens without a server, also in another place: the images lie in the folder ``images`` beside
it, and it runs no script but its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any
from urllib.parse import quote

import pandas as pd
from PIL import Image

from ..atomic import write_file
from ..images import read_image
from ..page.document import source_hash
from ..pixels import to_uint8
from ..tasks.task import Task
from .page_scores import SCORES, choices, explained, heads, measured
from .starting import file_name

HERE = Path(__file__).parent
IMAGES = PurePosixPath("images")  # beside the page
ABOUT = ("task", "category", "method", "budget", "before", "after", "each pair [px]")
MARK = 0.02  # radius of a point in images
WIDTH, HEIGHT = 192, 384  # px of the page that an image takes at most
QUALITY = 92  # of a JPEG, at which nobody sees that it is one


def write_page(path: Path, rows: pd.DataFrame, tasks: Sequence[Task], about: str) -> Path:
    """Write the page of the results of :func:`.dragbench.run_plan`; returns its path.

    The images before are copied beside it, as the results are there already.

    Args:
        path: of the page, in the folder of the results, in which "images" is.
        rows: the results.
        tasks: that were dragged.
        about: a sentence above the table.
    """
    by_name = {task.name: task for task in tasks}
    befores = {task.name: _copied(task, path.parent) for task in tasks}
    shown = measured(rows)
    plain = "".join(f'<th><button type="button">{head}</button></th>' for head in ABOUT)
    lines = [
        _row(row, by_name[row["task"]], befores[row["task"]], shown)
        for row in rows.to_dict("records")
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
        scores=choices(shown),
        explained=explained(shown),
        heads=plain + heads(shown),
        rows="\n".join(lines),
    )
    return write_file(path, page)


def _copied(task: Task, folder: Path) -> PurePosixPath:
    """The image before as a JPEG in `folder`, and its path from there."""
    file = IMAGES / "before" / f"{file_name(task.name)}.jpg"
    out = BytesIO()
    Image.fromarray(to_uint8(read_image(task.image_file))).save(
        out, "JPEG", quality=QUALITY, subsampling=0
    )
    write_file(folder / file, out.getvalue())
    return file


def _row(row: Mapping[str, Any], task: Task, before: PurePosixPath, shown: Sequence[str]) -> str:
    """One drag as a line of the table."""
    after = IMAGES / row["image"] if isinstance(row["image"], str) else None
    pairs = row.get("pairs")
    cells = [
        _cell(task.name),
        _cell(row["category"]),
        _cell(row["method"]),
        _cell(row["budget"], "number"),
        _image(before, task),
        _cell(row["error"]) if after is None else _image(after, task),
        _pairs(pairs if isinstance(pairs, list) else []),
        *(_cell(row[name], f"number {SCORES[name].css}") for name in shown),
    ]
    data = {name: row[name] for name in ("method", "budget", "category")}
    said = "".join(f' data-{name}="{escape(str(value))}"' for name, value in data.items())
    return f"<tr{said}>{''.join(cells)}</tr>"


def _cell(value: Any, kind: str = "text") -> str:
    """A cell; what is not known is empty, and sorted last."""
    unknown = value is None or (isinstance(value, float) and math.isnan(value))
    plain = "" if unknown else str(value)
    text = f"{value:.3g}" if isinstance(value, float) and not unknown else plain
    return f'<td class="{kind}" data-value="{escape(plain)}">{escape(text)}</td>'


def _pairs(distances: Sequence[float]) -> str:
    """The distance of each pair, sorted by the largest."""
    text = ", ".join(f"{distance:.1f}" for distance in distances)
    return f'<td class="number" data-value="{max(distances, default="")}">{text}</td>'


def _image(file: PurePosixPath, task: Task) -> str:
    """An image with the points over it, which opens when it is clicked."""
    height, width = task.image_size
    address = escape(quote(str(file)))
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

    scale = min(WIDTH / width, HEIGHT / height)
    wide, high = (max(1, round(scale * side)) for side in (width, height))
    return (
        f'<td data-value=""><a class="image" href="{address}"><img loading="lazy"'
        f' width="{wide}" height="{high}" src="{address}" alt="{escape(task.name)}">'
        f"{drawing}</a></td>"
    )


def _options(values: Iterable[Any]) -> str:
    return "".join(f"<option>{escape(str(value))}</option>" for value in dict.fromkeys(values))


def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
