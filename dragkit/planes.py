"""What an image holds, whatever it comes in: three planes, red, green and blue.

A photo on disk is more than its pixels: it may be rotated by a flag (EXIF), partly transparent,
grey, of 12 or 16 bits, made for print (CMYK), have indexed colours, several frames or a profile of
its colours. All of that is handled here, once.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from .arguments import at_home, no_address, shown
from .colour_profiles import in_srgb
from .file_signs import NPY, head_of
from .image_files import BYTES, check_format, check_pixels, decode, is_deep, is_heavy, load
from .npz import read_npy
from .reading import is_file, is_folder

READABLE = (
    "a path, the bytes of a file, an open file, a Pillow image, an array (H W), (H W 3) or (H W"
    " 4), or a tensor (3 H W)"
)
ORIENTATION = ExifTags.Base.Orientation
DEPTHS = (8, 12, 16)  # bits that whole numbers have, where a file does not say it
DEPTH_TAG = 258  # of a TIFF: BitsPerSample
ROUNDING = 1e-3  # how far outside 0..1 floats may be: resizing leaves such values


@runtime_checkable
class Readable(Protocol):
    """A file that is open for bytes, such as ``open(path, "rb")`` or ``io.BytesIO(content)``."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` at most."""
        ...


FileLike = str | PathLike | bytes | Image.Image | Readable
ImageLike = FileLike | np.ndarray | Tensor
Planes = list[Image.Image]  # red, green and blue: 8-bit ("L"), or floats in 0..1 ("F")


def planes_of(image: ImageLike) -> Planes:
    """Red, green and blue of an image, upright, and over white where it is transparent.

    Raises:
        FileNotFoundError, TypeError, ValueError: as :func:`dragkit.images.read_image`.
    """
    array = array_in(image)
    if isinstance(array, Tensor):
        return _of_tensor(array)
    if isinstance(array, np.ndarray):
        return _of_array(array)
    if not isinstance(image, FileLike):
        raise TypeError(f"an image cannot be read from {type(image).__name__}; give {READABLE}")
    return _of_pillow(opened(image))


def array_in(image: Any) -> Any:
    """A tensor or an array that is given, alone or as a batch of one; or that in a .npy.

    Returns:
        None for everything else.
    """
    if isinstance(image, str | PathLike):
        path = at_home("the image", Path(image))
        if not is_file(path) or not head_of(path).startswith(NPY):
            return None
        image = read_npy(path)
    if not isinstance(image, Tensor | np.ndarray):
        return None
    is_batch_of_one = image.ndim == 4 and len(image) == 1
    return image[0] if is_batch_of_one else image


class Opened(NamedTuple):
    """An image of Pillow's, decoded and upright.

    Attributes:
        image: as it is otherwise: of any mode, perhaps transparent.
        name: what messages call it.
        depth: the bits of its whole numbers, as its file says; None if that says nothing.
    """

    image: Image.Image
    name: str
    depth: int | None


def opened(image: FileLike) -> Opened:
    """The image in a file or of Pillow's, within the limits of :mod:`dragkit.image_files`.

    Raises:
        FileNotFoundError, ValueError: as :func:`dragkit.images.read_image`.
    """
    if isinstance(image, Image.Image):  # somebody else opened it, and may not have decoded it yet
        name = "the image"
        check_format(image, name)
        check_pixels(*image.size, name, is_heavy(image))
        load(image, name)
    elif isinstance(image, bytes | Readable):
        name = "the file"
        image = decode(_bytes_of(image), name)
    else:
        no_address("the image", image)
        path = _existing(Path(image))
        name = str(path)
        image = decode(path, name)
    return Opened(_upright(image, name), name, _declared_depth(image))


def _bytes_of(file: bytes | Readable) -> bytes:
    if isinstance(file, bytes):
        return file
    content: Any = None
    with suppress(UnicodeDecodeError):  # open as a text, which an image is not
        content = file.read(BYTES + 1)
    if not isinstance(content, bytes):
        raise ValueError('the file is open as a text; open it for bytes: open(path, "rb")')
    if not content:
        raise ValueError(
            "the open file is empty, or it has been read or written to its end; go back to its"
            " beginning with file.seek(0)"
        )
    return content


def _existing(path: Path) -> Path:
    path = at_home("the image", path)
    if is_file(path):
        return path
    if is_folder(path):
        raise FileNotFoundError(f"{path} is a folder; give the path of an image in it")
    raise FileNotFoundError(
        f"there is no file {path!s:.300}; give the path of an image on this machine"
    )


def _declared_depth(image: Image.Image) -> int | None:
    """The bits of a TIFF's whole numbers, if they are fewer than the 16 that Pillow makes them."""
    bits = getattr(image, "tag_v2", {}).get(DEPTH_TAG, (None,))
    depth = bits[0] if isinstance(bits, tuple) else bits
    return depth if depth in (10, 12, 14) else None


def _of_pillow(found: Opened) -> Planes:
    """Opaque, three planes; no copy is made that is not needed."""
    image, name, depth = found
    if is_deep(image):
        deep = np.asarray(image)
        return _of_floats(deep if image.mode == "F" else shallow(deep, name, depth), name)
    profile = image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        image, alpha = _without_alpha(image, name)
    if image.mode == "P":
        image = converted(image, "RGB", name)
    image = converted(in_srgb(image, profile), "RGB", name)
    return list(_over_white(image, alpha).split())


def converted(image: Image.Image, mode: str, name: str) -> Image.Image:
    """The image in another of Pillow's modes, such as "RGB".

    Raises:
        ValueError: Pillow does not know how its colours are seen.
    """
    if image.mode == mode:
        return image
    try:
        return image.convert(mode)
    except ValueError as error:
        raise ValueError(
            f"{name} has colours of the mode {image.mode}, which Pillow cannot make red, green and"
            " blue; save it again in those (sRGB)"
        ) from error


def _upright(image: Image.Image, name: str) -> Image.Image:
    try:
        if image.getexif().get(ORIENTATION, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    # what a file says of itself can be broken in any way
    except Exception as error:
        raise ValueError(f"{name} cannot be turned upright: {shown(error)}") from error


def _without_alpha(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image]:
    """The colours, or the grey, that a profile is for, and how opaque each pixel is."""
    is_grey = image.mode in ("L", "LA", "La")
    image = converted(image, "RGBA", name)
    colours = image.getchannel("R") if is_grey else image.convert("RGB")
    return colours, image.getchannel("A")


def _over_white(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white


def shallow(deep: np.ndarray, name: str, depth: int | None = None) -> np.ndarray:
    """Whole numbers of more than 8 bits as float32 in 0..1; Pillow would clip them at 255.

    Args:
        deep: of any shape.
        name: for the warning.
        depth: how many bits they have; None if nobody says so. Then 8 or 12 are taken, with a
            warning, if all of them fit into these: with 16, such an image would be nearly black.
    """
    brightest = int(deep.max())
    if depth is None:
        depth = next((bits for bits in DEPTHS if brightest < 1 << bits), 16)
        if depth < 16:
            warnings.warn(
                f"{name} has whole numbers of at most {brightest}, so they are taken for {depth}"
                f" bits: {(1 << depth) - 1} is white. If they have 16, give floats: numbers /"
                " 65535",
                stacklevel=6,
            )
    return deep.astype(np.float32) / np.float32((1 << depth) - 1)


def _of_array(array: np.ndarray) -> Planes:
    if (
        array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] not in (3, 4))
        or not array.size
    ):
        raise ValueError(
            f"the array has shape {array.shape}; an image is (H W), (H W 3) or (H W 4)"
        )
    height, width = array.shape[:2]
    check_pixels(width, height, "the array", heavy=array.dtype != np.uint8)
    if array.dtype == np.uint8:
        image = Image.fromarray(np.ascontiguousarray(array))
        return _of_pillow(Opened(image, "the array", None))
    if array.dtype == np.uint16:
        return _of_floats(shallow(array, "the array"), "the array")
    return _of_floats(array, "the array")


def _of_tensor(tensor: Tensor) -> Planes:
    if tensor.ndim != 3 or len(tensor) != 3 or not tensor.numel():
        raise ValueError(f"the tensor has shape {tuple(tensor.shape)}; an image is (3 H W)")
    if not (tensor.is_floating_point() or tensor.dtype == torch.uint8):
        raise ValueError(
            f"the tensor holds {tensor.dtype}; give uint8 in 0..255, or floats in 0..1, such as"
            " tensor / 255"
        )
    if tensor.layout != torch.strided or tensor.is_meta:
        raise ValueError(f"the tensor is {shown(tensor)}; give one with all its numbers")
    _, height, width = tensor.shape
    check_pixels(width, height, "the tensor", heavy=True)
    if tensor.dtype == torch.uint8:
        return _of_array(tensor.cpu().permute(1, 2, 0).numpy())
    return _of_floats(tensor.detach().cpu().float().permute(1, 2, 0).numpy(), "the tensor")


def _of_floats(array: np.ndarray, name: str) -> Planes:
    """Planes of floats (H W), (H W 3) or (H W 4) in 0..1."""
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} holds {array.dtype}; give uint8 in 0..255 or floats in 0..1")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} has {np.count_nonzero(~np.isfinite(array))} values that are NaN or infinite;"
            " an image is in 0..1"
        )
    if array.min() < -ROUNDING or array.max() > 1 + ROUNDING:
        raise ValueError(
            f"{name} has values from {array.min():.4g} to {array.max():.4g}; bring floats into"
            " 0..1, or give uint8 in 0..255"
        )
    if array.ndim == 2:
        return [_plane(array)] * 3
    if array.shape[2] == 3:
        return [_plane(array[..., i]) for i in range(3)]
    alpha = np.float32(array[..., 3]).clip(0, 1)
    return [_plane(np.float32(array[..., i]).clip(0, 1) * alpha + (1 - alpha)) for i in range(3)]


def _plane(values: np.ndarray) -> Image.Image:
    """Floats (H W) as an image of mode "F"; those a rounding outside 0..1 are clipped."""
    return Image.fromarray(np.ascontiguousarray(values, np.float32).clip(0, 1))
