r"""Benchmarks with images, as they lie on the disk: :func:`read`.

=============  ===================================================================================
benchmark      a sample's folder
=============  ===================================================================================
DragBench      ``original_image.png``, and ``meta_data.pkl`` with "prompt", "points" (handle,
               target, handle, …) and "mask" (1 = may move). The folder around it is its category.
               Ours in this layout (:mod:`dragkit.tasks.world_benchmarks`) also have
               ``target_image.png``, and the points' names and exact places in ``landmarks.json``.
Drag100        ``original.jpg``, ``mask.png`` (white = may move), and ``points.json``:
               ``{"points": [[x, y], …]}``, handles and targets in turn
VFD-Bench      ``input.png``, ``gt.png`` (the target image), ``mask.png``, and ``points.json``
=============  ===================================================================================

All points are (x, y) in pixels of the image. A mask that is 0 everywhere is none, so all may move:
DragDiffusion's code leaves out its mask term then. FreeDragBench is files of lines, and so are
edits of ours (:mod:`dragkit.tasks.edits`), where no mask is ``null``. Nothing in a file is run:
DragBench's pickles are read by the machine for checkpoints
(:mod:`dragkit.models.gan.checkpoint`), which builds plain data only.

Sources: the official code of DragDiffusion, GoodDrag and FlowDrag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import arguments
from ..arguments import named_arguments, shown
from ..mask_files import NothingMayMove, check_mask_shape, read_mask
from ..models.gan.checkpoint import read_data
from ..models.gan.checkpoint.arrays import Array
from ..planes import planes_of
from ..reading import is_folder, read_json
from ..records import Edit, Size
from .edits import TASKS, checked_tasks, read_tasks
from .task import Task

META = "meta_data.pkl"
POINTS = "points.json"
LANDMARKS = "landmarks.json"
JSON = 1 << 20  # bytes of such a file at most; those of Drag100 have 200
DEPTH = 4  # folders in each other that are looked through; DragBench has two
FOLDERS = 20_000
TOLD = 3  # damaged samples that a message names


@dataclass(frozen=True)
class Layout:
    """How a benchmark lays out a sample.

    Attributes:
        name: of the benchmark.
        files: that tell its samples from others.
        image: the file with the image to drag.
        target: the file with the image that the drag should lead to; only some have it.
        read: its points, mask (H W) and prompt, from the sample's folder.
        category: of a sample's folder.
    """

    name: str
    files: tuple[str, ...]
    image: str
    target: str
    read: Callable[[Path], tuple[Any, Tensor | None, str]]
    category: Callable[[Path], str]

    def fits(self, folder: Path) -> bool:
        """Whether a folder holds a sample of this layout."""
        return all((folder / name).is_file() for name in self.files)


@named_arguments
def read(path: str | Path) -> list[Task]:
    """The tasks of a benchmark: a folder with images, or a file of lines.

    Which benchmark it is, its content says. ``tasks = dragkit.bench.read("DragBench")``.

    Args:
        path: the folder of a benchmark, of a part of it or of a single sample; or a file of
            FreeDragBench or of ours (.jsonl).

    Raises:
        TypeError: the path is none.
        FileNotFoundError: there is nothing there.
        ValueError: there is no sample in the folder, or some are damaged; the message names each
            and what is wrong with it.
    """
    path = arguments.at_home("path", arguments.path("path", path))
    if not is_folder(path):
        return _not_empty(path, read_tasks(path))

    found = _samples(path)
    lines = sorted(path.glob("*.jsonl"))
    if not found and lines:
        found_lines = (task for file in lines for task in read_tasks(file))
        return _not_empty(path, checked_tasks(found_lines))
    if not found:
        raise ValueError(f"{path} holds no sample of a benchmark: {_known()}")
    if len(found) > TASKS:
        raise ValueError(f"{path} holds {len(found):,} samples; at most {TASKS:,} are read")
    tasks = []
    damaged = []
    for folder, layout in found.items():
        try:
            tasks.append(_task(folder, layout, _name(folder, path)))
        except (ValueError, TypeError, OSError) as error:
            damaged.append(f"{folder}: {error}")
    if damaged:
        more = f"\n… and {len(damaged) - TOLD} more" if len(damaged) > TOLD else ""
        raise ValueError(
            f"{len(damaged)} of {len(found)} samples cannot be read; mend or remove them:\n"
            + "\n".join(damaged[:TOLD])
            + more
        )
    return checked_tasks(tasks)


def _not_empty(path: Path, tasks: list[Task]) -> list[Task]:
    if not tasks:
        raise ValueError(f"{path} holds no task: not a single line")
    return tasks


def _samples(path: Path) -> dict[Path, Layout]:
    """The folders in `path` that hold a sample, in the order of their names."""
    found = {}
    waiting = [(path, 0)]
    seen = 0
    while waiting:
        folder, depth = waiting.pop()
        seen += 1
        if seen > FOLDERS:
            raise ValueError(f"{path} holds more than {FOLDERS:,} folders; give one of them")
        layouts = [layout for layout in LAYOUTS if layout.fits(folder)]
        if layouts:
            found[folder] = layouts[0]
        elif _is_part(folder):
            raise ValueError(f"{folder} holds a sample that lacks a file: {_known()}")
        elif depth < DEPTH:
            inner = [part for part in folder.iterdir() if is_folder(part)]
            waiting += [(part, depth + 1) for part in inner if not part.name.startswith(".")]
    return dict(sorted(found.items()))


def _is_part(folder: Path) -> bool:
    """Whether a folder holds some of a sample's files, which are not all."""
    names = {name for layout in LAYOUTS for name in layout.files}
    return any((folder / name).is_file() for name in names)


def _known() -> str:
    layouts = [f"{layout.name} has {' and '.join(layout.files)}" for layout in LAYOUTS]
    return "; ".join([*layouts, "FreeDragBench, and edits of ours, are files that end in .jsonl"])


def _name(folder: Path, path: Path) -> str:
    """A sample's name: its place in the benchmark."""
    if folder == path:
        return folder.resolve().name
    return folder.relative_to(path).as_posix()


def _task(folder: Path, layout: Layout, name: str) -> Task:
    image = folder / layout.image
    size = _size_of(image)
    points, mask, prompt = layout.read(folder)
    exact, names = _exact(folder)
    edit = _edit(points, mask, size)
    if exact is not None:
        rounded, edit = edit, _edit(exact, mask, size)
        _check_same(rounded, edit, folder)

    target = folder / layout.target
    if target.is_file() and _size_of(target) != size:
        height, width = size
        raise ValueError(f"{target} has another size than the image, {width}×{height}")
    return Task(
        None,
        edit,
        name,
        names,
        image=image,
        prompt=prompt,
        target=target if target.is_file() else None,
        category=layout.category(folder),
    )


def _size_of(image: Path) -> Size:
    """(height, width) of an image that can be read."""
    width, height = planes_of(image)[0].size
    return height, width


def _edit(points: Any, mask: Tensor | None, size: Size) -> Edit:
    """The edit of points (handle, target, handle, …) in an image of this size."""
    pairs = isinstance(points, list | tuple) and len(points) >= 2 and len(points) % 2 == 0
    if not pairs:
        raise ValueError(f"points is {shown(points)}; give a list of handles and targets in turn")
    edit = Edit(list(points[::2]), list(points[1::2]), mask)
    edit.fit(size)
    return edit


def _check_same(rounded: Edit, exact: Edit, folder: Path) -> None:
    """Raise ValueError unless both have the same points, to a pixel."""
    one, other = (torch.cat([edit.handles, edit.targets]) for edit in (rounded, exact))
    if one.shape != other.shape or (one - other).abs().max() > 1:
        both = f"{folder / META} and {LANDMARKS} beside it"
        raise ValueError(f"{both} have other points; change both, or leave {LANDMARKS} out")


def _exact(folder: Path) -> tuple[Any, tuple[str, ...]]:
    """The points of one of our worlds to a fraction of a pixel, and their names, if it is one."""
    file = folder / LANDMARKS
    if not file.is_file():
        return None, ()
    data = read_json(file, JSON)
    if not (isinstance(data, Mapping) and {"names", "points"} <= data.keys()):
        raise ValueError(f'{file} must hold {{"names": […], "points": [[x, y], …]}}')
    return data["points"], tuple(data["names"])


def _of_dragbench(folder: Path) -> tuple[Any, Tensor | None, str]:
    data = read_data(folder / META)
    wanted = {"prompt", "points", "mask"}
    if not (isinstance(data, Mapping) and wanted <= data.keys()):
        raise ValueError(f"{META} must hold a dict of {', '.join(sorted(wanted))}")
    return data["points"], _free_of_array(data["mask"]), data["prompt"]


def _free_of_array(mask: Any) -> Tensor | None:
    """The mask (H W) in a pickle."""
    if not isinstance(mask, Array) or mask.stored is None:
        raise ValueError(f"mask is {shown(mask)}; it must be an array (height, width)")
    check_mask_shape(mask.stored.shape)
    values = mask.stored.whole_numbers()
    if values.ndim != 2:
        raise ValueError(f"mask has shape {tuple(values.shape)}; it must be (height, width)")
    return _free(values)


def _free(mask: Any) -> Tensor | None:
    """The mask (H W) of a sample; None if it frees nothing."""
    try:
        return read_mask(mask)
    except NothingMayMove:
        return None


def _with_white_mask(folder: Path) -> tuple[Any, Tensor | None, str]:
    data = read_json(folder / POINTS, JSON)
    if not (isinstance(data, Mapping) and "points" in data):
        raise ValueError(f'{POINTS} must hold {{"points": [[x, y], …]}}')
    return data["points"], _free(folder / "mask.png"), str(data.get("prompt", ""))


def _folder_around(folder: Path) -> str:
    return folder.resolve().parent.name


def _begin_of_name(folder: Path) -> str:
    """``bird`` of ``bird_0``."""
    return folder.resolve().name.rstrip("0123456789").rstrip("_-") or folder.resolve().name


LAYOUTS = (
    Layout(
        "DragBench",
        ("original_image.png", META),
        "original_image.png",
        "target_image.png",
        _of_dragbench,
        _folder_around,
    ),
    Layout(
        "Drag100",
        ("original.jpg", "mask.png", POINTS),
        "original.jpg",
        "target.png",
        _with_white_mask,
        _begin_of_name,
    ),
    Layout(
        "VFD-Bench",
        ("input.png", "gt.png", "mask.png", POINTS),
        "input.png",
        "gt.png",
        _with_white_mask,
        _begin_of_name,
    ),
)
