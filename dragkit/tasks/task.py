"""A task of a benchmark: what to start from, and what to move where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import arguments
from ..arguments import instance, named_arguments, shown, whole
from ..numeric import is_whole
from ..planes import planes_of
from ..reading import check_text
from ..records import Edit, Size
from ..records.mask import mask_of_runs

LAST_SEED = 2**32 - 1  # that NumPy's RandomState takes
PROMPT = 10_000  # characters; those of DragBench have at most a few words
STARTS = ("seed", "latent", "image")
FILES = ("latent", "image", "target")  # what is named by a path
TEXTS = ("prompt", "category")
NEEDED = ("name", "handles", "targets")
KEYS = {*STARTS, *FILES, *TEXTS, *NEEDED, "landmarks", "arrive", "mask"}


@named_arguments
@dataclass(frozen=True, eq=False)
class Task:
    """One edit of one image, which is a seed's, a latent's, or in a file.

    Exactly one of `seed`, `latent` and `image` is given.

    Args:
        seed: of the latent to start from: ``model.sample(seed)``.
        edit: what to move where, in pixels of the image.
        name: what results are filed under; no two tasks of a run share one.
        landmarks: the names of the points that the handles stand on, in their order; empty where
            they have none. A measurement that knows where a landmark is afterwards needs them.
        latent: a file with the latent to start from (:func:`dragkit.latent`).
        image: a file with the image to start from, which the model has to invert.
        prompt: what the image shows, for models that take a text.
        target: a file with the image that the drag should lead to, where that is known.
        category: what tables group tasks by.

    Raises:
        TypeError: the edit is something else, or a path is none.
        FileNotFoundError: there is no such file.
        ValueError: a seed that is not a whole number from 0 to 2^32 - 1, no name, no start or
            several, a point with a negative coordinate, which is outside of every image, or a
            number of landmarks that differs from the number of handles.
    """

    seed: int | None
    edit: Edit
    name: str
    landmarks: tuple[str, ...] = ()
    latent: Path | None = None
    image: Path | None = None
    prompt: str = ""
    target: Path | None = None
    category: str = ""

    def __post_init__(self) -> None:
        starts = [name for name in STARTS if getattr(self, name) is not None]
        if len(starts) != 1:
            raise ValueError(
                f"a task starts from one of {', '.join(STARTS)}; this one has"
                f" {' and '.join(starts) or 'none of them'}"
            )
        if self.seed is not None:
            object.__setattr__(self, "seed", whole("seed", self.seed, 0, LAST_SEED))
        for name in FILES:
            if (file := getattr(self, name)) is not None:
                object.__setattr__(self, name, arguments.existing_file(name, file))

        instance("edit", self.edit, Edit, "a dragkit.Edit, such as Edit([(64, 80)], [(64, 60)])")
        _check_not_negative(self.edit)
        check_text(self.name, "name")
        if self.category:
            check_text(self.category, "category")
        _check_prompt(self.prompt)

        object.__setattr__(self, "landmarks", _names(self.landmarks))
        if len(self.landmarks) not in (0, len(self.edit.handles)):
            raise ValueError(
                f"{len(self.landmarks)} landmarks for {len(self.edit.handles)} handles; name one"
                " for each, or none"
            )

    @property
    def image_size(self) -> Size:
        """(height, width) in pixels of the image that it starts from.

        Raises:
            ValueError: it starts from something else, or the file holds no image.
        """
        return _size_of(self.image_file)

    @property
    def image_file(self) -> Path:
        """The file with the image that it starts from.

        Raises:
            ValueError: it starts from something else.
        """
        if self.image is None:
            raise ValueError(
                f"the task {self.name!r} has no image; give those of a benchmark with images"
                " (DragBench, Drag100, VFD-Bench, ours), dragkit.bench.read(folder), or use"
                " dragkit.bench.runner.run"
            )
        return self.image

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; files by their paths."""
        return {
            "name": self.name,
            **self._start(),
            "handles": _short_numbers(self.edit.handles),
            "targets": _short_numbers(self.edit.targets),
            "landmarks": list(self.landmarks),
            "arrive": self.edit.arrive,
            "mask": _encode_mask(self.edit.mask),
        }

    def contents(self) -> dict[str, Any]:
        """As :meth:`to_dict`, but files by a hash of what they hold, wherever they are."""
        files = {name: getattr(self, name) for name in FILES}
        hashes = {name: _hash_of(file) for name, file in files.items() if file is not None}
        return self.to_dict() | hashes

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: Path | None = None) -> Task:
        """The task that :meth:`to_dict` described; relative paths are those from `folder` on.

        Raises:
            TypeError: it is not a dict.
            FileNotFoundError: a file that it names is not there.
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

        edit = Edit(
            data["handles"], data["targets"], _decode_mask(data.get("mask")), data.get("arrive")
        )
        files = {name: _placed(name, data[name], folder) for name in FILES if data.get(name)}
        others: dict[str, Any] = files | {name: data[name] for name in TEXTS if name in data}
        return cls(data.get("seed"), edit, data["name"], data.get("landmarks") or (), **others)

    def _start(self) -> dict[str, Any]:
        """What the task starts from, and what is known of it; only what there is."""
        given: dict[str, Any] = {} if self.seed is None else {"seed": self.seed}
        given |= {name: getattr(self, name) for name in TEXTS if getattr(self, name)}
        files = {name: getattr(self, name) for name in FILES}
        return given | {name: file.as_posix() for name, file in files.items() if file is not None}


def _check_not_negative(edit: Edit) -> None:
    for name, points in (("handle", edit.handles), ("target", edit.targets)):
        for i, (x, y) in enumerate(points.tolist()):
            if min(x, y) < 0:
                raise ValueError(
                    f"{name} {i} at ({x:g}, {y:g}) is outside of every image; points are (x, y) in"
                    " pixels from (0, 0), the middle of the pixel at the top left"
                )


def _check_prompt(prompt: Any) -> None:
    if not isinstance(prompt, str) or len(prompt) > PROMPT:
        raise ValueError(
            f"prompt is {shown(prompt)}; give a text of at most {PROMPT:,} characters"
        )


def _placed(name: str, value: Any, folder: Path | None) -> Path:
    """The path of a file; a relative one begins in `folder`."""
    file = arguments.path(name, value)
    if folder is None or file.is_absolute():
        return file
    return folder / file


@lru_cache(maxsize=1024)  # several parts of a benchmark ask for each image's
def _size_of(file: Path) -> Size:
    width, height = planes_of(file)[0].size
    return height, width


@lru_cache(maxsize=1024)
def _hash_of(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256 {hashlib.file_digest(opened, 'sha256').hexdigest()[:16]}"


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
