"""Checks of arguments, for everything that people call: the thing, its value, the way out."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import wraps
from os import PathLike, fspath
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from .numeric import is_real, is_truth, is_whole

MOST_NAME = 255  # characters of a file's name
ADDRESS = re.compile(r"(?i)(https?|ftp|s3|gs|hf|file|data):")
MOST_STEPS = 10**9  # more than anybody will wait for

Call = TypeVar("Call", bound=Callable[..., Any])


def whole(name: str, value: Any, least: int = 0, most: float = math.inf) -> int:
    """`value` as an int.

    Raises:
        ValueError: it is not a whole number in `least`..`most`.
    """
    if not is_whole(value, least, most):
        limits = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} is {shown(value)}; give a whole number {limits}")
    return int(value)


def step_count(value: Any, least: int = 0) -> int:
    """`value`, an argument `steps`, as an int.

    Raises:
        ValueError: it is not a whole number in `least`..10⁹.
    """
    return whole("steps", value, least, MOST_STEPS)


def positive(name: str, value: Any, example: float, most: float = math.inf) -> float:
    """`value` as a float.

    Raises:
        ValueError: it is not a finite number above 0, or is more than `most`.
    """
    if not (is_real(value) and 0 < value <= most):
        limit = "" if most == math.inf else f" and up to {most:g}"
        raise ValueError(
            f"{name} is {shown(value)}; give a number above 0{limit}, such as {name}={example:g}"
        )
    return float(value)


def finite(name: str, value: Any, way_out: str) -> float:
    """`value` as a float.

    Raises:
        ValueError: it is not a finite number; `way_out` says what to give.
    """
    if not is_real(value):
        raise ValueError(f"{name} is {shown(value)}; give {way_out}")
    return float(value)


def instance(name: str, value: Any, kind: type | tuple[type, ...], way_out: str) -> None:
    """Raise TypeError unless `value` is of a `kind`; `way_out` says what to give."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {shown(value)}; give {way_out}")


def function(name: str, value: Any, way_out: str) -> None:
    """Raise TypeError unless `value` can be called; `way_out` says what to give."""
    if not callable(value):
        raise TypeError(f"{name} is {shown(value)}; give {way_out}")


def path(name: str, value: Any) -> Path:
    """`value` as a path; one that begins with ~ is in somebody's home folder.

    Raises:
        TypeError: it is neither a text nor a path.
        ValueError: it is empty, too long, has a character that no file's name has, or the home
            folder is not known.
    """
    instance(name, value, (str, PathLike), "the path of a file, such as 'runs/mine'")
    no_address(name, value)
    text = fspath(value)
    longest = max(map(len, Path(text).parts), default=0)
    if longest > MOST_NAME or not text or "\0" in text:
        raise ValueError(f"{name} is {shown(text)}; give the path of a file, such as 'runs/mine'")
    return at_home(name, Path(text))


def at_home(name: str, value: Path) -> Path:
    """The path with its ~ or ~somebody replaced by that home folder.

    Raises:
        ValueError: the home folder is not known.
    """
    try:
        return value.expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"{name} is {shown(str(value))}, and there is no such home folder; give the whole"
            " path, or ./~… for a file of that name"
        ) from error


def no_address(name: str, value: Any) -> None:
    """Raise ValueError if `value` is an address on the web instead of a path."""
    if isinstance(value, str) and ADDRESS.match(value):
        raise ValueError(
            f"{name} is {shown(value)}; nothing is downloaded, so fetch it, and give its path"
        )


def option_path(text: str) -> Path:
    """The path that an option of a command line names, for argparse's ``type``."""
    return path("the path", text)


def existing_file(name: str, value: Any) -> Path:
    """`value` as the path of a file that is there.

    Raises:
        TypeError, ValueError: as :func:`path`.
        FileNotFoundError: there is no such file.
        IsADirectoryError: it is a folder.
    """
    found = path(name, value)
    if found.is_dir():
        raise IsADirectoryError(f"{name} is the folder {found}; give the path of a file")
    if not found.is_file():
        raise FileNotFoundError(
            f"{name} is {shown(str(found))}; there is no such file (the current folder is"
            f" {Path.cwd()})"
        )
    return found


def numbers(name: str, value: Any, way_out: str) -> Tensor:
    """`value` as a tensor: a tensor, an array, a list, or a list of these.

    Raises:
        ValueError: it is something else, or as :func:`check_plain`; `way_out` says what to give.
    """
    try:
        if isinstance(value, np.ndarray):
            value = _for_torch(value)
        elif isinstance(value, list | tuple) and any(map(_is_array, value)):
            value = torch.stack([numbers(name, part, way_out) for part in value])
        is_tensor = isinstance(value, Tensor)
        found = value.detach() if is_tensor else torch.as_tensor(value, device="cpu")
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{name} is {shown(value)}; give {way_out}") from error
    if not _is_plain(found):
        raise ValueError(f"{name} is {shown(value)}; give {way_out}")
    return found


def real_numbers(name: str, value: Any, way_out: str) -> Tensor:
    """The same where True and False are no numbers, alone or among others.

    Raises:
        ValueError: as :func:`numbers`, or there is a True or a False.
    """
    found = numbers(name, value, way_out)
    if _holds_truth(value):
        raise ValueError(
            f"{name} is {shown(value)}; True and False are no numbers, so give {way_out}"
        )
    return found


def check_plain(name: str, tensor: Tensor, way_out: str) -> None:
    """Raise ValueError if the tensor is complex, sparse, nested, quantized, or on "meta"."""
    if not _is_plain(tensor):
        raise ValueError(f"{name} is {shown(tensor)}; give {way_out}")


def finite_array(name: str, value: Any, shape: tuple[int, ...], way_out: str) -> np.ndarray:
    """`value` as an array of doubles.

    Raises:
        ValueError: it has another shape, or anything in it but finite numbers; `way_out` says
            what to give.
    """
    array = real_numbers(name, value, way_out).cpu().double().numpy()
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; give {way_out}")
    if not np.isfinite(array).all():
        wrong = array[~np.isfinite(array)][0]
        raise ValueError(f"{name} has the value {wrong}; give {way_out}")
    return array


def device(value: Any) -> torch.device:
    """`value` as a device of torch.

    Raises:
        ValueError: there is no such device.
    """
    try:
        return torch.device(value)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f'device is {shown(value)}; give "cpu", "cuda", "mps" or "auto"'
        ) from error


def shown(value: Any, length: int = 120) -> str:
    """The value as Python prints it, shortened; its type if it cannot be printed."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # it is somebody's own
        text = f"a {type(value).__name__}"
    return text if len(text) <= length else f"{text[: length - 1]}…"


def nearest(name: str, known: Sequence[str]) -> str:
    """For a message about an unknown name: the known one that may be meant, if any."""
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is simply real numbers, or truths, one beside the other."""
    special = tensor.is_complex() or tensor.is_quantized or tensor.is_nested or tensor.is_meta
    return tensor.layout == torch.strided and not special


def _for_torch(array: np.ndarray) -> np.ndarray:
    """The array as torch takes it: in this machine's byte order, 64 bits at most, not reversed."""
    dtype = array.dtype.newbyteorder("=")
    if dtype == np.longdouble:
        dtype = np.dtype(np.float64)
    return np.require(array, dtype, ("C", "W"))


def _holds_truth(value: Any) -> bool:
    """Whether it is a truth, or a list with one at any depth."""
    if isinstance(value, list | tuple):
        return any(map(_holds_truth, value))
    return is_truth(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray) and value.ndim > 0


def named_arguments(call: Call) -> Call:
    """For what people call: an argument that is unknown, missing or too many is explained.

    Args:
        call: a function; or a class, for its making and its public methods.
    """
    if isinstance(call, type):
        for name, member in list(vars(call).items()):
            if isinstance(member, FunctionType) and (name == "__init__" or name[0] != "_"):
                setattr(call, name, named_arguments(member))
            elif isinstance(member, classmethod) and name[0] != "_":
                setattr(call, name, classmethod(named_arguments(member.__func__)))
        return call
    signature = inspect.signature(call)

    @wraps(call)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise TypeError(_explained(call, signature, keywords, error)) from None
        return call(*arguments, **keywords)

    return cast(Call, checked)


def _explained(
    call: Callable[..., Any],
    signature: inspect.Signature,
    keywords: dict[str, Any],
    error: TypeError,
) -> str:
    """What is wrong with a call, the nearest known name, and all known names."""
    known = [name for name in signature.parameters if name not in ("self", "cls")]
    message = f"{call.__qualname__.removesuffix('.__init__')}: {error}"
    for name in keywords.keys() - signature.parameters.keys():
        message += nearest(name, known)
    return f"{message}; it takes {', '.join(known)}"
