"""Files of images, opened within limits: a small file can claim, or unpack to, a huge image.

The size is read from the file's beginning and checked before a pixel is decoded. Only the formats
of a closed list are tried: Pillow knows many more, and starts another program for one of them
(Ghostscript, for EPS).
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile

from .file_signs import HEAD, kind_by_head, stand_in

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
JPEG_PAIR = "MPO"  # what Pillow calls a phone's JPEG that has a second image behind the first
BYTES = 256 << 20  # of a file; a camera's raw TIFF has 150 MB
PIXELS = 50_000_000  # as today's largest phone cameras have
# in floats, 16 bits, with transparency or in WebP, of which more or larger copies are made
HEAVY_PIXELS = 24_000_000
SCANS = 30  # of a progressive JPEG, each as long to decode as the whole image; usual are ten
STRIPS = 100_000  # of a TIFF; usual is one for each row
# that Pillow takes to read a file, one or more for each part; a PNG of BYTES in parts of 8 KB
# takes 130,000
READS = 500_000

COMMON = "give a PNG, JPEG, WebP or TIFF"
SAVE_AS = "save it as a PNG or JPEG in the program that made it"
HEIC = (
    "convert it to JPEG (a phone's Photos app does so when it shares, or its camera with"
    ' the setting "Most Compatible"), or open it with the package pillow-heif:'
    ' pillow_heif.register_heif_opener(), then Image.open(file).convert("RGB"), and give that'
)
OTHERS = {  # what other files of images begin with → what they are, and the way out
    r".{4}ftyp(hei|hev|mif1|msf1)": ("a HEIC image, as phones make them", HEIC),
    r".{4}ftypavi[fs]": (
        "an AVIF image",
        'open it yourself, Image.open(file).convert("RGB"), and give that, or ' + SAVE_AS,
    ),
    r".{4}(JXL |jP  )|\xff\x0a|\xff\x4f\xff\x51": ("a JPEG XL or JPEG 2000 image", SAVE_AS),
    r"8BPS": ("a Photoshop file", SAVE_AS),
    r"%PDF|%!PS": ("a page (PDF or PostScript), not an image", SAVE_AS),
    r"P[1-7]\s": ("an image in one of Netpbm's formats (PBM, PGM, PPM …)", SAVE_AS),
    r"\s*<(\?xml|svg)": ("a drawing (SVG), which has no pixels yet", SAVE_AS),
    r"FUJIFILM|.{6}heapCCDR|IIRO|IIU\0|\0MRM": ("a camera's raw image", SAVE_AS),
}


class _Counted:
    """A file that is read up to `READS` times: one in millions of parts would take minutes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads = 0

    def read(self, size: int = -1) -> bytes:
        """As of the file itself; raises ValueError where it has been called too often."""
        self._reads += 1
        if self._reads > READS:
            raise ValueError(f"it takes more than {READS:,} reads; save it again as a PNG")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def decode(source: Path | bytes, name: str) -> Image.Image:
    """The image in a file, in memory.

    Raises:
        ValueError: it is not an image in one of the formats, damaged, or beyond a limit; the
            message calls it `name`.
    """
    with _binary(source) as file:
        _check_bytes(file, name)
        image = _open(cast(BinaryIO, _Counted(file)), name)
        check_pixels(*image.size, name, is_heavy(image))
        _check_work(image, file, name)
        load(image, name)
        return image


def check_format(image: Image.Image, name: str) -> None:
    """Raise ValueError for an image that is still in a file of a format that is not read."""
    if isinstance(image, ImageFile.ImageFile) and image.format not in (*FORMATS, JPEG_PAIR):
        raise ValueError(
            f"{name} was opened from a file of format {image.format}, which dragkit does not read;"
            f' {COMMON}, or decode it yourself: image.convert("RGB")'
        )


def check_pixels(width: int, height: int, name: str, heavy: bool) -> None:
    """Raise ValueError if an image has too many pixels; `heavy` is as of :func:`is_heavy`."""
    most = HEAVY_PIXELS if heavy else PIXELS
    if width * height > most:
        kind = " (in floats, 16 bits, with transparency or in WebP)" if heavy else ""
        raise ValueError(
            f"{name} has {width} × {height} pixels, more than {most:,}{kind}; make it smaller"
        )


def is_deep(image: Image.Image) -> bool:
    """Whether its pixels are floats or have more than 8 bits."""
    return image.mode[0] in "FI"


def is_heavy(image: Image.Image) -> bool:
    """Whether it is deep, partly transparent or in WebP: more or larger copies are made of it."""
    return is_deep(image) or image.has_transparency_data or image.format == "WEBP"


def load(image: Image.Image, name: str) -> None:
    """Decode an image that is still in its file."""
    try:
        image.load()
    except Exception as error:
        raise ValueError(f"{name} cannot be read: {_short(error)}") from error


def _binary(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return BytesIO(source)
    return source.open("rb")


def _open(file: BinaryIO, name: str) -> Image.Image:
    """The image, not decoded yet."""
    try:
        return Image.open(file, formats=FORMATS)
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"{name} {_other_format(file)}") from error
    except Image.DecompressionBombError as error:
        most = min(
            PIXELS, 2 * (Image.MAX_IMAGE_PIXELS or PIXELS)
        )  # ours, or a lower one of Pillow
        raise ValueError(f"{name} has more than {most:,} pixels; make it smaller") from error
    # strange bytes can break any step of a decoder, each in its own way
    except Exception as error:
        raise ValueError(f"{name} cannot be read: {_short(error)}") from error


def _other_format(file: BinaryIO) -> str:
    """What a file is, whose format is not read, and the way out."""
    file.seek(0)
    head = file.read(HEAD)
    if found := stand_in(head, text_wanted=True):
        return f"is {found.says}; {found.way_out}"
    for pattern, (kind, way_out) in OTHERS.items():
        if re.match(pattern, head.decode("latin-1"), re.DOTALL):
            return f"is {kind}; dragkit does not read these: {way_out}"
    if found := stand_in(head):
        return f"is not an image, but {found.says}; {found.way_out}"
    return f"is not an image that dragkit reads, but {kind_by_head(head)}; {COMMON}"


def _check_bytes(file: BinaryIO, name: str) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    if size > BYTES:
        raise ValueError(f"{name} has {size:,} bytes, more than {BYTES:,}; make it smaller")


def _check_work(image: Image.Image, file: BinaryIO, name: str) -> None:
    """Raise ValueError if a file makes a decoder work far longer than its pixels need."""
    if image.format == "TIFF" and len(getattr(image, "tile", ())) > STRIPS:
        raise ValueError(f"{name} is in more than {STRIPS:,} strips; save it again as a PNG")
    if image.info.get("progressive") and _count_scans(file) > SCANS:
        raise ValueError(
            f"{name} is a progressive JPEG of more than {SCANS} scans; save it again as a PNG"
        )


def _count_scans(file: BinaryIO) -> int:
    """How often a JPEG's scans begin (FF DA), at most; the place in the file stays as it is."""
    place = file.tell()
    file.seek(0)
    count = 0
    last = b""
    while block := file.read(1 << 20):
        count += (last + block).count(b"\xff\xda")
        last = block[-1:]
    file.seek(place)
    return count


def _short(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:200])
