"""NumPy's arrays in a file: what stands in for NumPy's names in a pickle."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch

from .budget import Budget, CheckpointError
from .tensors import AXES, Storage, Stored, whole
from .values import Inert, expect, fields

NUMPY = {
    "f8": torch.float64,
    "f4": torch.float32,
    "f2": torch.float16,
    "i8": torch.int64,
    "i4": torch.int32,
    "i2": torch.int16,
    "u8": torch.uint64,
    "u4": torch.uint32,
    "u2": torch.uint16,
    "i1": torch.int8,
    "u1": torch.uint8,
    "b1": torch.bool,
}


OBJECTS = ("O8", "O")


class Dtype(Inert):
    """Stands in for ``numpy.dtype``: a numeric type such as "f4", or objects; others are refused.

    Attributes:
        dtype: torch's; None for objects, each of which is a value of its own in the pickle.
    """

    dtype: torch.dtype | None

    def __init__(self, code: Any, *_: Any) -> None:
        expect(code, str)
        bare = code[1:] if code[:1] in ("<", ">", "|", "=") else code
        if bare in OBJECTS:
            self.dtype = None
            self.big = False
            return
        if bare not in NUMPY:
            raise CheckpointError(
                f"an array of type {code[:20]!r}; numbers only: {', '.join(NUMPY)}"
            )
        self.dtype = NUMPY[bare]
        self.big = code.startswith(">")

    def build(self, state: Any) -> None:
        """Take the byte order."""
        _, order, *_ = fields(state)
        if order == ">" or (order == "=" and sys.byteorder != "little") or self.big:
            raise CheckpointError("an array in big-endian order")


class Array(Inert):
    """An array, whose shape and numbers come with its state."""

    stored: Stored | None = None
    items: list[Any] | None = None  # of an array of objects

    def build(self, state: Any) -> None:
        """Take (version, shape, dtype, whether in Fortran order, bytes or a list of objects)."""
        _, shape, dtype, fortran, data = fields(state)
        dtype = expect(dtype, Dtype).dtype
        if dtype is None:
            self.items = expect(data, list)
            return
        if len(expect(shape, tuple)) > AXES or not whole(shape):
            raise CheckpointError(
                f"an array of {len(shape)} axes whose sizes are not whole numbers from 0 up, at"
                f" most {AXES}"
            )
        storage = Storage(dtype, math.prod(shape))
        storage.fill(expect(data, memoryview))
        self.stored = Stored(storage, 0, shape, _strides(shape, fortran))


def _strides(shape: tuple[int, ...], fortran: Any) -> tuple[int, ...]:
    """Those of a contiguous array, in numbers: the first axis is the fastest in Fortran order."""
    from_fastest = shape if fortran else shape[::-1]
    steps = [math.prod(from_fastest[:i]) for i in range(len(shape))]
    return tuple(steps if fortran else steps[::-1])


def frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Array:
    """Stands in for ``numpy._core.numeric._frombuffer``, which writes arrays in protocol 5.

    Their axes may be in another order.
    """
    array = Array()
    array.build((1, shape, dtype, order == "F", data))
    stored = expect(array.stored, Stored)
    if axes is not None:
        if not whole(fields(axes)) or sorted(axes) != list(range(len(shape))):
            raise CheckpointError("an array whose axes are not in any order")
        permuted = tuple(stored.shape[i] for i in axes)
        strides = tuple(stored.strides[i] for i in axes)
        array.stored = Stored(stored.storage, 0, permuted, strides)
    return array


def scalar(dtype: Any, data: Any) -> float | int | bool:
    """Stands in for ``numpy.core.multiarray.scalar``: one number of exactly its type's length."""
    storage = Storage(expect(expect(dtype, Dtype).dtype, torch.dtype), 1)
    storage.fill(expect(data, memoryview))
    return torch.frombuffer(bytearray(data), dtype=storage.dtype).item()


def latin1(budget: Budget, text: Any, codec: Any) -> memoryview:
    """Stands in for ``_codecs.encode``, which writes bytes in torch's older pickles."""
    if expect(codec, str) != "latin1":
        raise CheckpointError(f"text in codec {codec[:20]!r}")
    budget.spend("bytes of text", len(expect(text, str)))
    return memoryview(text.encode("latin1"))


def ndarray(*_: Any) -> None:
    """Stands in for ``numpy.ndarray``, which may only be named."""
    raise CheckpointError("numpy.ndarray called; it may only be named")
