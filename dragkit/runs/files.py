"""Runs as files: a readable .json and, beside it, the arrays in a .npz.

Every field of a `Step` that can be stored is: numbers and words in the JSON, tensors in the npz
under the same name, such as "track/points" (:mod:`dragkit.runs.flat`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import arguments
from ..atomic import place_for, write_file
from ..contract import checked_metadata
from ..locking import one_writer
from ..npz import as_npz, read_npz
from ..pieces import printed
from ..reading import parse_json, read_json
from ..records import Edit, Frame
from .checks import check_frames
from .flat import Values, flatten, frame_of, plain, stack, unstack
from .format2 import convert_format2
from .notes import Done, interventions_of_json

FORMAT = 3
MOST_BYTES = 32 << 20  # of the JSON; a run of 1000 steps takes about one megabyte
HEX16 = "[0-9a-f]{16}"
MOST_NAME = (
    234  # bytes; file systems allow 255, and ".….npz" with 16 hexadecimal digits has to fit
)


def write_run(frames: Sequence[Frame], path: str | Path, extra: Mapping[str, Any]) -> Path:
    """Write the frames and, into the JSON, `extra`; returns the path of the JSON.

    The two files carry one id. The arrays are written under a name with the id first; the run is
    saved in the moment in which the JSON with this id takes its place. So whenever the program
    ends, there is a whole run: the old one or the new one. Where the two are links, they stay
    links, and the files that they lead to are written.

    Raises:
        TypeError, ValueError: `extra` cannot be stored as JSON; nothing is written.
        BlockingIOError: another program has been writing this run for more than 10 seconds.
        FileExistsError: a file of one of these names is no part of a run.
        OSError: the run's name is too long, or the files cannot be written; the old run is still
            there.
    """
    path = _json_path(path)
    _check_name(path)
    values = [flatten(frame.step) | {"image": frame.image} for frame in frames]
    steps = [plain(flat) | _for_readers(frame) for flat, frame in zip(values, frames, strict=True)]
    arrays = stack(values)
    contents = {**extra, "edit": frames[0].edit.to_dict(), "steps": steps}
    number, text = _as_text(contents, arrays)
    packed = as_npz(arrays | {"id": np.frombuffer(bytes.fromhex(number), np.uint8)})

    with one_writer(path):
        target = place_for(path)
        arrays_target = place_for(_arrays_file(path))
        _check_taken(target, arrays_target)
        new_arrays = write_file(_arrays_with_id(arrays_target, number), packed)
        try:
            write_file(target, text)
        except BaseException:
            new_arrays.unlink(missing_ok=True)
            raise
        new_arrays.replace(arrays_target)
    return path


def read_run(path: str | Path) -> tuple[list[Frame], dict[str, Any], list[Done]]:
    """What :func:`write_run` wrote: the frames, the model's metadata, and the interventions.

    Raises:
        ValueError: the files are missing, damaged, or hold something else; or they do not belong
            together.
    """
    path = _json_path(path)
    try:
        text = read_json(path, MOST_BYTES, finite=False)
        _check_kinds(text)
        arrays = _arrays_of(path, text.get("id"))
        if text["dragkit"] == 2:
            text, arrays = _as_format3(text, arrays)
        frames = _frames(text, arrays)
        check_frames(frames)
        metadata = checked_metadata("of its metadata", text.get("metadata", {}))
        notes = text.get("interventions", [])
        return frames, metadata, interventions_of_json(notes, frames[-1].index)
    except FileNotFoundError as error:
        raise ValueError(
            f"{error.filename} is missing; a saved run is a .json and a .npz of the same name, and"
            " the path of either opens it"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file may stumble anywhere
        raise ValueError(
            f"{path} and its .npz do not hold a run that dragkit saved ({_reason(error)})"
        ) from error


def _as_format3(
    text: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        return convert_format2(text, arrays)
    except ValueError as error:  # NumPy's
        raise ValueError("their parts are not those of a run of format 2") from error


def _check_kinds(text: Any) -> None:
    """Raise ValueError unless a JSON has the parts of a run."""
    if not isinstance(text, dict) or "dragkit" not in text:
        raise ValueError("the JSON is of something else")
    steps = text.get("steps")
    if not (isinstance(steps, list) and all(isinstance(step, dict) for step in steps)):
        raise ValueError("its steps are no list of objects")


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"they have no {error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    told = isinstance(error, ValueError | FloatingPointError)
    return str(error) if told else "their parts do not fit together"


def _as_text(contents: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[str, str]:
    """The id of a run and its JSON, which has been read once to see that it can be."""
    try:
        number = _id_of(contents, arrays)
        text = json.dumps({"dragkit": FORMAT, "id": number, **contents}, indent=1) + "\n"
        parse_json(text.encode(), finite=False)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"what should be saved with the run cannot be written as JSON ({error}); give texts,"
            " numbers, lists and dicts"
        ) from error
    if len(text) > MOST_BYTES:
        raise ValueError(
            f"the run's JSON would have {len(text):,} bytes; at most {MOST_BYTES:,} are read."
            " Save fewer steps, such as trace.until(1000), or shorter notes"
        )
    return number, text


def _id_of(contents: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """16 hexadecimal digits that depend on everything in a run."""
    digest = hashlib.sha256(json.dumps(contents).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _arrays_file(path: Path) -> Path:
    """The .npz beside the JSON; of a link to a JSON alone, the one beside that JSON."""
    beside = path.with_suffix(".npz")
    if path.is_symlink() and not (beside.is_symlink() or beside.exists()):
        return path.resolve().with_suffix(".npz")
    return beside


def _arrays_with_id(arrays_file: Path, number: str) -> Path:
    return arrays_file.with_name(f"{arrays_file.stem}.{number}.npz")


def _arrays_of(path: Path, number: Any) -> dict[str, np.ndarray]:
    """The arrays that belong to a JSON with the id `number`; runs of format 2 have none."""
    if not (number is None or (isinstance(number, str) and re.fullmatch(HEX16, number))):
        raise ValueError(f"its id is {str(number)[:40]!r}, which no run has")

    file = _arrays_file(path)
    unfinished = _arrays_with_id(file.resolve(), number) if number else file
    if unfinished.exists():  # a save ended before its last step
        file = unfinished
    arrays = read_npz(file)
    found = arrays.pop("id", None)
    if (None if found is None else found.tobytes().hex()) != number:
        raise ValueError(
            "the .json and the .npz are of two runs: their ids differ. Put the two files of one"
            " run side by side again"
        )
    return arrays


def _check_taken(target: Path, arrays_target: Path) -> None:
    """Raise FileExistsError if a save would take the place of something else than a run."""
    for file, taken in (
        (target, target.exists() and not _begins_a_run(target)),
        (arrays_target, arrays_target.exists() and not target.exists()),
    ):
        if taken:
            raise FileExistsError(
                f"{file} exists already, and is not part of a saved run; choose another name, or"
                " move it away"
            )


def _begins_a_run(file: Path) -> bool:
    with file.open("rb") as opened:
        return b'"dragkit"' in opened.read(100)


def _json_path(path: str | Path) -> Path:
    """`path` ending in .json; any other dot belongs to the name, as in ``lr0.5``."""
    path = arguments.path("path", path)
    if path.name in ("", ".."):
        raise ValueError(
            f"path is {str(path)!r}, a folder; give the path of a run, such as 'runs/mine'"
        )
    if path.suffix == ".json":
        return path
    return path.with_name(path.name.removesuffix(".npz") + ".json")


def _check_name(path: Path) -> None:
    """Raise OSError, as the system would in the middle of a save, if a run's name is too long."""
    size = len(path.stem.encode("utf-8", "replace"))
    if size > MOST_NAME:
        raise OSError(
            errno.ENAMETOOLONG,
            f"the run's name is {arguments.shown(path.stem)}, {size} bytes long; name another, of"
            f" at most {MOST_NAME}",
        )


def _for_readers(frame: Frame) -> Values:
    """What people look for in the JSON; when it is read again, the arrays count."""
    tracker = frame.step.tracker
    return {
        "tracker": tracker if isinstance(tracker, str) else printed(tracker),
        "points": frame.points.tolist(),
        "arrived": frame.arrived.tolist(),
        "trusted": frame.trusted.tolist(),
    }


def _frames(text: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Frame]:
    if text["dragkit"] != FORMAT:
        raise ValueError(
            f"it has format {text['dragkit']}, this dragkit reads {FORMAT}; run the drag again"
        )
    count = len(text["steps"])
    if len(arrays["image"]) != count:
        raise ValueError(f"{count} steps, but {len(arrays['image'])} images")

    edit = Edit.from_dict(text["edit"])
    values = unstack(arrays, count)
    steps = zip(text["steps"], values, strict=True)
    return [frame_of(edit, words | flat) for words, flat in steps]
