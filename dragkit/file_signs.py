"""What a file really is, told by how it begins: its name may say something else.

A download may bring a page of HTML, an answer of a server, or a pointer of Git-LFS under the name
of the file that was wanted. And people give the right file to the wrong function. Whatever opens
files of others asks here, so that all of them give the same answer.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from .numeric import size_in_words

HEAD = 512  # bytes that are looked at
SHOWN = 60  # characters of a text in a message
MARK = b"\xef\xbb\xbf"  # before a text in UTF-8, by some programs of Windows
LFS = b"version https://git-lfs"
NPY = b"\x93NUMPY"
NPZ = "an archive of NumPy's arrays (.npz)"
KINDS = {  # how a file begins → what it is
    b"\x80[\x02-\x05]": "a pickle",
    b"PK\x03\x04.{26}[^\0]{0,255}?\\.npy": NPZ,
    b"PK\x03\x04": "a zip archive, as torch writes its files",
    NPY: "an array of NumPy's (.npy)",
    b".{4}\0{4}\\{": "a file of safetensors",
    b"\xff\xd8\xff|\x89PNG|GIF8|RIFF.{4}WEBP|II\\*\0|MM\0\\*|BM.{4}\0{4}": "an image",
    b"\x89HDF": "a file of HDF5, as Keras writes it",
    b"GGUF": "a quantized model (GGUF)",
}


class StandIn(NamedTuple):
    """What lies in the place of the file that was wanted.

    Attributes:
        says: what it is, in words that fit behind "is".
        way_out: how to get the file itself.
    """

    says: str
    way_out: str


def head_of(path: Path) -> bytes:
    """How a file begins."""
    with path.open("rb") as file:
        return file.read(HEAD)


def kind_by_head(head: bytes) -> str:
    """What kind of file begins so, in words that fit behind "is"."""
    for beginning, kind in KINDS.items():
        if re.match(beginning, head, re.DOTALL):
            return kind
    return f"a file that begins with {head[:8].hex(' ')}"


def stand_in(head: bytes, text_wanted: bool = False) -> StandIn | None:
    """What a file is that begins so, if it only takes the place of the one that was wanted.

    Args:
        head: its first bytes.
        text_wanted: whether the file should be a text, such as JSON. Weights, numbers and pixels
            are none, so any text is in their place.

    Returns:
        None for everything else.
    """
    if not head:
        return StandIn("empty", "fetch it again")
    if head.startswith(LFS):
        size = re.search(rb"size (\d{1,18})\b", head)
        whole = f"the file of {size_in_words(int(size[1]))}" if size else "the file"
        return StandIn(
            f"a Git-LFS pointer, not {whole} that it points to",
            "run `git lfs pull`, or download the file itself",
        )
    text = _as_text(head)
    if text is None:
        return None
    if text.startswith("<") and not re.match(r"<(svg|\?xml.*svg|!--.*svg)", text, re.S | re.I):
        return StandIn(
            "a web page (HTML), not the file: the download was answered with a page",
            "fetch the file again, by hand",
        )
    if text_wanted:
        return None
    beginning = " ".join(text.split())[:SHOWN]
    return StandIn(
        f"a text that begins with {beginning!r}",
        "if a server sent it, it refused the download (without an account, perhaps); fetch the"
        " file again, by hand",
    )


def check_no_stand_in(path: Path, text_wanted: bool = False) -> None:
    """Raise ValueError if a file only takes the place of the one that was wanted."""
    if found := stand_in(head_of(path), text_wanted):
        raise ValueError(f"{path} is {found.says}; {found.way_out}")


def _as_text(head: bytes) -> str | None:
    """The beginning of a text in UTF-8, without the space in front; None for what is none."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head.removeprefix(MARK))
    except UnicodeDecodeError:
        return None
    is_text = all(character.isprintable() or character in "\n\r\t" for character in text)
    return text.strip() if is_text else None
