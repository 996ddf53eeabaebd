"""Your own images as a model reads them: square, of its size, three channels in 0..1.

A photo on disk is more than its pixels: it may be rotated by a flag (EXIF), partly transparent,
grey, of 16 bits, have indexed colours or several frames, and it is rarely square. All of that is
handled here, once.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from .arguments import shown
from .image_files import check_format, check_pixels, decode, is_deep, is_heavy, load
from .numeric import is_whole
from .reading import is_file, is_folder

READABLE = (
    "a path, the bytes of a file, a Pillow image, an array (H W), (H W 3) or (H W 4), or a"
    " tensor (3 H W)"
)
FITS = ("crop", "pad")
LARGEST = 4096  # px: the side that an image is made for; the largest models' have a quarter
ORIENTATION = ExifTags.Base.Orientation
ROUNDING = 1e-3  # how far outside 0..1 floats may be: resizing leaves such values

ImageLike = str | PathLike | bytes | Image.Image | np.ndarray | Tensor
Planes = list[Image.Image]  # red, green and blue: 8-bit ("L"), or floats in 0..1 ("F")


def read_image(image: ImageLike, size: int, fit: Literal["crop", "pad"] = "crop") -> Tensor:
    """The image (3 size size), floats in 0..1.

    It is rotated upright, laid over white where it is transparent, and scaled by Pillow's bicubic
    filter, which averages when it shrinks an image. Grey becomes three equal channels; of an
    animated file the first frame is read.

    Args:
        image: a path, the bytes of a file, a Pillow image, an array (H W), (H W 3) or (H W 4),
            or a tensor (3 H W). Whole numbers are uint8 in 0..255; floats are in 0..1.
        size: side in pixels, such as ``model.size[0]``.
        fit: "crop" keeps the square in the middle; "pad" keeps the whole image and gives each
            border the mean colour of the edge beside it. So sky continues as sky; repeated pixels
            would be stripes, which no generator makes (our choice).

    Raises:
        FileNotFoundError: no such file.
        TypeError: `image` is something else.
        ValueError: not an image, one of a format that is not read, a damaged one, or one of more
            than 50 million pixels (24 million in floats, 16 bits, with transparency or in WebP);
            an array of another shape, type or range; an unknown `fit`.
    """
    if fit not in FITS:
        raise ValueError(
            f'unknown fit {fit!r}; choose "crop" (the square in the middle) or "pad" (all of it,'
            " with borders)"
        )
    if not is_whole(size, 1, LARGEST):
        raise ValueError(f"size is {size!r}; an image's side has 1 to {LARGEST} px")
    planes = _planes(image)
    if fit == "crop":
        return _cropped(planes, size)
    return _padded(planes, size)


def _planes(image: ImageLike) -> Planes:
    if isinstance(image, Image.Image):
        return _of_given(image, "the image")
    if isinstance(image, (str, PathLike)):
        return _of_file(Path(image))
    if isinstance(image, bytes):
        return _of_bytes(image, "the file")
    if isinstance(image, Tensor):
        return _of_tensor(image)
    if isinstance(image, np.ndarray):
        return _of_array(image)
    raise TypeError(f"an image cannot be read from {type(image).__name__}; give {READABLE}")


def _of_file(path: Path) -> Planes:
    if not is_file(path):
        if is_folder(path):
            raise FileNotFoundError(f"{path} is a folder; give the path of an image in it")
        raise FileNotFoundError(
            f"there is no file {path!s:.300}; give the path of an image on this machine"
        )
    return _of_bytes(path, str(path))


def _of_bytes(source: Path | bytes, name: str) -> Planes:
    return _of_pillow(decode(source, name), name)


def _of_given(image: Image.Image, name: str) -> Planes:
    """Of an image that somebody else opened, and may not have decoded yet."""
    check_format(image, name)
    check_pixels(*image.size, name, is_heavy(image))
    load(image, name)
    return _of_pillow(image, name)


def _of_pillow(image: Image.Image, name: str) -> Planes:
    """Upright, opaque, three planes; no copy is made that is not needed."""
    image = _upright(image, name)
    if is_deep(image):
        return _of_floats(_depth_removed(image), name)
    if image.has_transparency_data:
        image = _over_white(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    return list(image.split())


def _upright(image: Image.Image, name: str) -> Image.Image:
    try:
        if image.getexif().get(ORIENTATION, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    # what a file says of itself can be broken in any way
    except Exception as error:
        raise ValueError(f"{name} cannot be turned upright: {shown(error)}") from error


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _depth_removed(image: Image.Image) -> np.ndarray:
    """Grey of 16 bits or floats as float32 in 0..1; Pillow would clip it at 255."""
    deep = np.asarray(image, np.float32)
    if image.mode == "F":
        return deep
    whole = 255 if image.mode == "I" and deep.max() <= 255 else 65535
    return deep / np.float32(whole)


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
        return _of_pillow(Image.fromarray(np.ascontiguousarray(array)), "the array")
    return _of_floats(array, "the array")


def _of_tensor(tensor: Tensor) -> Planes:
    if tensor.ndim != 3 or len(tensor) != 3 or not tensor.numel():
        raise ValueError(f"the tensor has shape {tuple(tensor.shape)}; an image is (3 H W)")
    if not tensor.is_floating_point():
        raise ValueError(
            f"the tensor holds {tensor.dtype}; give floats in 0..1, such as tensor / 255"
        )
    if tensor.layout != torch.strided or tensor.is_meta:
        raise ValueError(f"the tensor is {shown(tensor)}; give one with all its numbers")
    _, height, width = tensor.shape
    check_pixels(width, height, "the tensor", heavy=True)
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


def _scaled(
    planes: Planes, width: int, height: int, box: tuple[float, float, float, float] | None = None
) -> Tensor:
    """(3 height width) in 0..1 of the planes, or of a `box` (left, top, right, bottom) in them."""
    pixels = [
        np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC, box), np.float32)
        for plane in planes
    ]
    whole = 255 if planes[0].mode == "L" else 1
    return torch.from_numpy(np.stack(pixels) / whole).clamp(0, 1)  # the filter overshoots at edges


def _cropped(planes: Planes, size: int) -> Tensor:
    width, height = planes[0].size
    side = min(width, height)
    left = (width - side) / 2
    top = (height - side) / 2
    return _scaled(planes, size, size, (left, top, left + side, top + side))


def _padded(planes: Planes, size: int) -> Tensor:
    width, height = planes[0].size
    longer = max(width, height)
    wide = max(1, round(size * width / longer))
    high = max(1, round(size * height / longer))
    left = (size - wide) // 2
    top = (size - high) // 2
    inner = _scaled(planes, wide, high)
    square = torch.empty(3, size, size)
    square[:, :, :left] = inner[:, :, 0].mean(1)[:, None, None]
    square[:, :, left:] = inner[:, :, -1].mean(1)[:, None, None]
    if high < size:
        square[:, :top] = inner[:, 0].mean(1)[:, None, None]
        square[:, top:] = inner[:, -1].mean(1)[:, None, None]
    square[:, top : top + high, left : left + wide] = inner
    return square
