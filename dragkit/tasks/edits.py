"""What a benchmark asks for: a file of edits, one JSON object a line.

Ours says everything that a drag needs, so that a table can be made again from the file alone::

    {"name": "chin-2", "seed": 2, "handles": [[74, 74]], "targets": [[74, 87]],
     "landmarks": ["chin"], "arrive": null,
     "mask": {"size": [128, 128], "runs": [4128, 64, 64, 64, 12064]}}

(on one line). Points are (x, y) in pixels. The mask is stored as run lengths: read row by row, so
many 0s, so many 1s, so many 0s and so on. Masks are a few large areas, so this takes hundreds of
bytes where rows take 16 KB at 128 px. In place of a seed a task may have a "latent" or an "image",
the path of a file from the folder of this one on, and also a "prompt", a "category" and the
"target" image (:class:`dragkit.tasks.task.Task`).

FreeDragBench's lines are read too, ``{"seed": 7, "points": {"handle": [[y, x]], "target": [[y,
x]]}}``: theirs are (row, column), they have no names, and their points belong to the image they
were picked in (512 px).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from .. import arguments
from ..arguments import instance, named_arguments, shown
from ..atomic import write_file
from ..file_signs import check_no_stand_in
from ..reading import parse_json
from ..records import Edit
from .task import FILES
from .task import LAST_SEED as LAST_SEED
from .task import Task as Task

FILE = 16 << 20  # bytes of a file at most; ours have 100,000
VALUES = 1_000_000  # of a file, which take a second; ours have hundreds
LINE = 1 << 20  # bytes of a task at most; ours have hundreds
TASKS = 10_000  # of a file
PIXELS = 1 << 26  # of all masks of a file; those of 4096 images of 128 px


@named_arguments
def write_tasks(path: str | Path, tasks: Iterable[Task]) -> Path:
    """Write `tasks`, one a line; returns the path.

    Raises:
        TypeError: the path is none, or there is something else among the tasks.
        ValueError: two tasks share a name.
        OSError: the file cannot be written.
    """
    path = arguments.path("path", path)
    tasks = checked_tasks(tasks)
    folder = path.absolute().parent
    lines = [json.dumps(_beside(task.to_dict(), folder)) + "\n" for task in tasks]
    return write_file(path, "".join(lines))


@named_arguments
def read_tasks(path: str | Path) -> list[Task]:
    """The tasks of a file, ours or FreeDragBench's; a line's keys say which it is.

    Raises:
        TypeError: the path is none.
        FileNotFoundError: there is no such file.
        ValueError: a line that is not a task, one whose name is taken, or one with a point that
            is outside of its image; the message names file, line and reason. Or the file is no
            text of lines.
    """
    path = arguments.existing_file("path", path)
    if path.stat().st_size > FILE:
        raise ValueError(f"{path} has more than {FILE:,} bytes; make several files of it")
    if path.stat().st_size:  # an empty file has no task
        check_no_stand_in(path, text_wanted=True)
    tasks: dict[str, Task] = {}
    pixels = values = 0
    for number, line in _lines(path):
        values += line.count(b",")
        try:
            if values > VALUES:
                raise ValueError(f"a file has at most {VALUES:,} values; make two of it")
            task = _parse_line(parse_json(line), f"{path.stem}-{number}", path.parent)
            if task.image is not None:
                task.edit.fit(task.image_size)
            if task.name in tasks:
                raise _name_is_taken(task.name)
            pixels += 0 if task.edit.mask is None else task.edit.mask.numel()
            if len(tasks) == TASKS or pixels > PIXELS:
                raise ValueError(
                    f"a file has at most {TASKS:,} tasks, whose masks have at most {PIXELS:,}"
                    " pixels together; make two of it"
                )
        except (ValueError, TypeError, FileNotFoundError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        tasks[task.name] = task
    return list(tasks.values())


def _beside(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Plain values of a task, its files by their paths from `folder` on, as far as they are in it.

    So a benchmark can be moved with its images.
    """
    for name in FILES:
        if name in data:
            file = Path(data[name]).absolute()
            data[name] = file.as_posix()
            if file.is_relative_to(folder):
                data[name] = file.relative_to(folder).as_posix()
    return data


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty, each with its number from 1 on."""
    with path.open("rb") as file:
        for number in count(1):
            line = file.readline(LINE + 1)
            if not line:
                return
            if len(line) > LINE:
                raise ValueError(f"{path}, line {number}: it has more than {LINE:,} bytes")
            if line.strip():
                yield number, line


def checked_tasks(tasks: Iterable[Task]) -> list[Task]:
    """`tasks` as a list.

    Raises:
        TypeError: it is something else, or there is something else among them.
        ValueError: two tasks share a name: their results could not be told apart.
    """
    way_out = "a list of dragkit.tasks.edits.Task, such as read_tasks(path)"
    instance("tasks", tasks, Iterable, way_out)
    found: dict[str, Task] = {}
    for number, task in enumerate(tasks):
        instance(f"tasks[{number}]", task, Task, f"a Task; tasks is {way_out}")
        if task.name in found:
            raise _name_is_taken(task.name)
        found[task.name] = task
    return list(found.values())


def _name_is_taken(name: str) -> ValueError:
    return ValueError(
        f"the name {name!r} is taken by an earlier task; results are filed by name, choose another"
    )


def _parse_line(data: Any, name: str, folder: Path) -> Task:
    """One line's task; `name` is for lines that have none, `folder` where its files are."""
    if not isinstance(data, dict):
        raise ValueError(f'a task is an object, {{"name": …}}, not {data!r:.40}')
    if "points" not in data:
        return Task.from_dict(data, folder)

    points = data["points"]
    has_points = isinstance(points, dict) and {"handle", "target"} <= set(points)
    if "seed" not in data or not has_points:
        raise ValueError(
            'a line of FreeDragBench has a "seed", and "points" with "handle" and "target"'
        )
    edit = Edit(_swapped(points["handle"]), _swapped(points["target"]))
    return Task(data["seed"], edit, name)


def _swapped(points: Any) -> list[list[Any]]:
    """(x, y) of points (row, column)."""
    pairs = isinstance(points, list) and all(isinstance(p, list) and len(p) == 2 for p in points)
    if not pairs:
        raise ValueError(
            f"the points are {shown(points)}; a line of FreeDragBench has lists of [row, column]"
        )
    return [[x, y] for y, x in points]
