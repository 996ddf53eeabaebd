"""Reading what others wrote: a file's size, its values and its names are checked before use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .arguments import shown

MOST_BYTES = 32 << 20  # of a JSON; a run of 1000 steps takes about one megabyte
MOST_VALUES = 2_000_000  # each takes some hundred bytes in memory
MOST_NAME = 200  # characters


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """The JSON in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is too large or too deep, has too many values, or is not JSON in UTF-8.
    """
    return parse_json(read_bytes(path, most_bytes), str(path))


def read_bytes(path: Path, most: int) -> bytes:
    """The contents of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no file, or has more than `most` bytes.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file")
    with path.open("rb") as file:
        contents = file.read(most + 1)
    if len(contents) > most:
        raise ValueError(f"{path} has more than {most} bytes, which is as much as is read")
    return contents


def parse_json(text: bytes, what: str) -> Any:
    """A JSON that has been read.

    Args:
        what: it is, for messages.

    Raises:
        ValueError: it has too many values, is nested too deeply, or is not JSON in UTF-8.
    """
    values = text.count(b",") + text.count(b"[") + text.count(b"{")
    if values > MOST_VALUES:
        raise ValueError(f"{what} has some {values} values; at most {MOST_VALUES} are read")
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON ({error})") from error


def check_name(what: str, name: Any) -> str:
    """`name`, which came from a file and will be shown.

    Raises:
        ValueError: it is not a text of 1 to 200 characters that can be printed.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise ValueError(
            f"{what} is {shown(name)}; it must be a text of 1 to {MOST_NAME} printable characters"
        )
    return name
