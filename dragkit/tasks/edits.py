"""What a benchmark asks for: a file of edits, one JSON object a line.

Ours says everything that a drag needs, so that a table can be made again from the file alone::

    {"name": "chin-2", "seed": 2, "handles": [[74, 74]], "targets": [[74, 87]],
     "landmarks": ["chin"], "arrive": null,
     "mask": {"size": [128, 128], "runs": [4128, 64, 64, 64, 12064]}}

(on one line). Points are (x, y) in pixels. The mask is stored as run lengths: read row by row, so
many 0s, so many 1s, so many 0s and so on. Masks are a few large areas, so this takes hundreds of
bytes where rows take 16 KB at 128 px.

FreeDragBench's lines are read too, ``{"seed": 7, "points": {"handle": [[y, x]], "target": [[y,
x]]}}``: theirs are (row, column), they have no names, and their points belong to the image they
were picked in (512 px).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import arguments
from ..arguments import instance, named_arguments, shown, whole
from ..atomic import write_file
from ..numeric import is_whole
from ..reading import check_text, parse_json
from ..records import Edit
from ..records.mask import mask_of_runs

LAST_SEED = 2**32 - 1  # that NumPy's RandomState takes
KEYS = {"name", "seed", "handles", "targets", "landmarks", "arrive", "mask"}
FILE = 16 << 20  # bytes of a file at most; ours have 100,000
VALUES = 1_000_000  # of a file, which take a second; ours have hundreds
LINE = 1 << 20  # bytes of a task at most; ours have hundreds
TASKS = 10_000  # of a file
PIXELS = 1 << 26  # of all masks of a file; those of 4096 images of 128 px
NEEDED = ("name", "seed", "handles", "targets")


@named_arguments
@dataclass(frozen=True, eq=False)
class Task:
    """One edit of one seed's image.

    Args:
        seed: of the latent to start from: ``model.sample(seed)``.
        edit: what to move where.
        name: what results are filed under; no two tasks of a run share one.
        landmarks: the names of the points that the handles stand on, in their order; empty where
            they have none. A measurement that knows where a landmark is afterwards needs them.

    Raises:
        TypeError: the edit is something else.
        ValueError: a seed that is not a whole number from 0 to 2^32 - 1, no name, or a number of
            landmarks that differs from the number of handles.
    """

    seed: int
    edit: Edit
    name: str
    landmarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole("seed", self.seed, 0, LAST_SEED))
        instance("edit", self.edit, Edit, "a dragkit.Edit, such as Edit([(64, 80)], [(64, 60)])")
        check_text(self.name, "name")

        object.__setattr__(self, "landmarks", _names(self.landmarks))
        if len(self.landmarks) not in (0, len(self.edit.handles)):
            raise ValueError(
                f"{len(self.landmarks)} landmarks for {len(self.edit.handles)} handles; name one"
                " for each, or none"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "seed": self.seed,
            "handles": _short_numbers(self.edit.handles),
            "targets": _short_numbers(self.edit.targets),
            "landmarks": list(self.landmarks),
            "arrive": self.edit.arrive,
            "mask": _encode_mask(self.edit.mask),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Task:
        """The task that :meth:`to_dict` described.

        Raises:
            TypeError: it is not a dict.
            ValueError: a key that is missing or unknown, or a value that does not fit.
        """
        instance("data", data, Mapping, "what to_dict returned")
        missing = [key for key in NEEDED if key not in data]
        if missing:
            raise ValueError(f"{missing[0]!r} is missing; a task has at least {', '.join(NEEDED)}")
        unknown = sorted(set(data) - KEYS)
        if unknown:
            raise ValueError(
                f"unknown key {shown(unknown[0])}; a task has {', '.join(sorted(KEYS))}"
            )

        mask = _decode_mask(data.get("mask"))
        edit = Edit(data["handles"], data["targets"], mask, data.get("arrive"))
        return cls(data["seed"], edit, data["name"], data.get("landmarks") or ())


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
    return write_file(path, "".join(json.dumps(task.to_dict()) + "\n" for task in tasks))


@named_arguments
def read_tasks(path: str | Path) -> list[Task]:
    """The tasks of a file, ours or FreeDragBench's; a line's keys say which it is.

    Raises:
        TypeError: the path is none.
        FileNotFoundError: there is no such file.
        ValueError: a line that is not a task, or one whose name is taken; the message names file,
            line and reason.
    """
    path = arguments.existing_file("path", path)
    if path.stat().st_size > FILE:
        raise ValueError(f"{path} has more than {FILE:,} bytes; make several files of it")
    tasks: dict[str, Task] = {}
    pixels = values = 0
    for number, line in _lines(path):
        values += line.count(b",")
        try:
            if values > VALUES:
                raise ValueError(f"a file has at most {VALUES:,} values; make two of it")
            task = _parse_line(parse_json(line), f"{path.stem}-{number}")
            if task.name in tasks:
                raise _name_is_taken(task.name)
            pixels += 0 if task.edit.mask is None else task.edit.mask.numel()
            if len(tasks) == TASKS or pixels > PIXELS:
                raise ValueError(
                    f"a file has at most {TASKS:,} tasks, whose masks have at most {PIXELS:,}"
                    " pixels together; make two of it"
                )
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        tasks[task.name] = task
    return list(tasks.values())


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


def _parse_line(data: Any, name: str) -> Task:
    """One line's task; `name` is for lines that have none."""
    if not isinstance(data, dict):
        raise ValueError(f'a task is an object, {{"name": …}}, not {data!r:.40}')
    if "points" not in data:
        return Task.from_dict(data)

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


def _names(value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)):
        raise ValueError(f'landmarks is {shown(value)}; give a list of names, such as ["chin"]')
    return tuple(value)


def _short_numbers(points: Tensor) -> list[list[float]]:
    """As lists, each number the shortest that gives the same float32: 0.1, not 0.10000000149."""
    return [[float(str(v)) for v in point] for point in points.cpu().numpy()]


def _encode_mask(mask: Tensor | None) -> dict[str, Any] | None:
    """Run lengths of a mask, 0s first: [[0, 1], [1, 1]] has runs [1, 3]."""
    if mask is None:
        return None
    values = mask.flatten().bool().tolist()
    runs = [len(list(group)) for _, group in groupby(values)]
    return {"size": list(mask.shape), "runs": [0] * values[0] + runs}


def _decode_mask(data: Any) -> Tensor | None:
    """The mask of its run lengths; ``None`` stays None."""
    if data is None:
        return None
    if not (_is_mask(data) and len(data["size"]) == 2):
        raise ValueError(
            f"mask is {shown(data)};"
            ' it must be null or {"size": [height, width], "runs": [0s, 1s, 0s, …]}'
        )
    return mask_of_runs(data["size"], data["runs"])


def _is_mask(data: Any) -> bool:
    """Whether it is an object with two lists of whole numbers."""
    return isinstance(data, dict) and all(
        isinstance(data.get(key), list) and all(is_whole(number, 0) for number in data[key])
        for key in ("size", "runs")
    )
