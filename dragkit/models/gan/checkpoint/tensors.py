"""Tensors of a file: where they lie in it, checked, and read only when they are wanted."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .machine import Budget, CheckpointError, Inert, Known, Machine, Tape, expect

MAGIC = 0x1950A86A20F9469CFC6C  # torch's older files begin with this number
PROTOCOL = 1001
AXES = 8  # of a tensor; a convolution's weight has 4, rosinality's 5

STORAGES = {  # torch's names for what a storage holds
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
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


@dataclass(eq=False)
class Storage:
    """`count` numbers in a row, somewhere in the file."""

    dtype: torch.dtype
    count: int
    data: memoryview | None = None  # torch's older files say what is to come before they bring it

    def fill(self, data: memoryview) -> None:
        """Say where the bytes are."""
        expected = self.count * self.dtype.itemsize
        if len(data) != expected:
            raise CheckpointError(
                f"a storage of {expected} bytes has {len(data)}: the file is cut short or altered"
            )
        self.data = data


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor in the file: element (i, j, …) is the storage's number offset + i·stride₀ +
    j·stride₁ + …
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or not whole(
            (self.offset, *self.shape, *self.strides)
        ):
            raise CheckpointError(
                "a tensor whose offset, size and stride are not whole numbers from 0 up, at most"
                f" {AXES} each"
            )
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if math.prod(self.shape) and last >= self.storage.count:
            raise CheckpointError(
                f"a tensor {self.shape} that reaches number {last} of a storage of"
                f" {self.storage.count}"
            )

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return math.prod(self.shape) * self.storage.dtype.itemsize

    def tensor(self) -> Tensor:
        """The tensor itself, as a contiguous copy in float32.

        Raises:
            CheckpointError: it is empty, its numbers are no floats, overlap, are not there, or are
                not all finite.
        """
        dtype, size = self.storage.dtype, self.storage.dtype.itemsize
        if self.storage.data is None or not dtype.is_floating_point or not math.prod(self.shape):
            raise CheckpointError(
                f"an empty tensor, one of {dtype}, or one whose numbers are not in the file;"
                " weights are floats"
            )
        self._check_overlap()
        steps = [stride * size for stride in self.strides]
        bits = np.ndarray(
            self.shape, f"<i{size}", self.storage.data, self.offset * size, steps
        ).copy()
        tensor = torch.from_numpy(bits).view(dtype).float()
        if not tensor.isfinite().all():
            raise CheckpointError("a tensor with numbers that are not finite")
        return tensor

    def _check_overlap(self) -> None:
        reach = 1  # strides from the smallest up: each must step over all that lies below it
        for stride, n in sorted((s, n) for n, s in zip(self.shape, self.strides) if n > 1):
            if stride < reach:
                raise CheckpointError(
                    f"a tensor {self.shape} whose strides {self.strides} overlap"
                )
            reach = stride * n


def whole(numbers: tuple) -> bool:
    """Whether these few are whole numbers from 0 up, of a size that a file may have."""
    return len(numbers) <= 1 + 2 * AXES and all(type(n) is int and 0 <= n < 2**40 for n in numbers)


# what stands in for torch's names


def rebuild_tensor(storage: Any, offset: int, shape: tuple, strides: tuple, *_: Any) -> Stored:
    """Stands in for ``torch._utils._rebuild_tensor_v2``."""
    return Stored(expect(storage, Storage), offset, expect(shape, tuple), expect(strides, tuple))


def rebuild_parameter(data: Any, *_: Any) -> Stored:
    """Stands in for ``torch._utils._rebuild_parameter``."""
    return expect(data, Stored)


def storage_type(name: str) -> Callable:
    """Stands in for ``torch.FloatStorage`` and its kin: a type to be named, never to be called."""

    def refuse(*_: Any) -> None:
        raise CheckpointError(f"torch.{name} called; it may only be named")

    refuse.dtype = STORAGES[name]
    return refuse


STORAGE_TYPES = {f"torch.{name}": storage_type(name) for name in STORAGES}


def storage_of(identity: Any) -> tuple[str, Storage]:
    """Key and storage of a persistent id: ("storage", type, key, location, count[, None])."""
    kind, of, key, _, count, *view = expect(identity, tuple)
    if (
        kind != "storage"
        or not hasattr(expect(of, Known).stand_in, "dtype")
        or any(v is not None for v in view)
    ):
        raise CheckpointError("a persistent id that is not a plain storage")
    if type(count) is not int or not 0 <= count < 2**40:
        raise CheckpointError("a storage whose count is not a whole number from 0 up")
    return expect(key, str), Storage(of.stand_in.dtype, count)


def nested_storage(budget: Budget, payload: Any) -> Storage:
    """Stands in for ``torch.storage._load_from_bytes``: a whole file of torch's older format,
    which may hold one storage only.
    """
    tape = Tape(expect(payload, memoryview))
    if Machine(budget).run(tape) != MAGIC:
        raise CheckpointError("the bytes of a storage that do not begin with torch's magic number")
    return expect(torch_file(budget, tape, STORAGE_TYPES), Storage)


def torch_file(budget: Budget, tape: Tape, known: Mapping[str, Callable]) -> Any:
    """The rest of a file of torch's older format: protocol, system, data, the storages' keys, and
    their numbers.
    """
    storages: dict[str, Storage] = {}

    def persistent(identity: Any) -> Storage:
        key, storage = storage_of(identity)
        return storages.setdefault(key, storage)

    protocol, system = Machine(budget).run(tape), expect(Machine(budget).run(tape), dict)
    if protocol != PROTOCOL or not system.get("little_endian"):
        raise CheckpointError("a torch file of another protocol, or from a big-endian machine")
    data = Machine(budget, known, persistent).run(tape)
    for key in expect(Machine(budget).run(tape), list):
        storage = storages[expect(key, str)]
        count = int.from_bytes(tape.take(8), "little")
        if count != storage.count:
            raise CheckpointError(f"a storage of {storage.count} numbers that brings {count}")
        storage.fill(tape.take(count * storage.dtype.itemsize))
    return data


# what stands in for NumPy's names


class Dtype(Inert):
    """A numeric type such as "f4"; objects and records are refused."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = expect(code, str).lstrip("<>|=")
        if self.code not in NUMPY:
            raise CheckpointError(
                f"an array of type {code[:20]!r}; numbers only: {', '.join(NUMPY)}"
            )
        self.dtype, self.big = NUMPY[self.code], code.startswith(">")

    def build(self, state: Any) -> None:
        _, order, *_ = expect(state, tuple)
        if order == ">" or (order == "=" and sys.byteorder != "little") or self.big:
            raise CheckpointError("an array in big-endian order")


class Array(Inert):
    """An array that gets its shape and numbers with its state: (version, shape, dtype, Fortran
    order?, bytes).
    """

    stored: Stored | None = None

    def build(self, state: Any) -> None:
        _, shape, dtype, fortran, data = expect(state, tuple)
        dtype = expect(dtype, Dtype).dtype
        if len(expect(shape, tuple)) > AXES or not whole(shape):
            raise CheckpointError(
                f"an array whose shape is not of whole numbers from 0 up, at most {AXES}"
            )
        steps = np.cumprod(
            [1, *(shape if fortran else shape[::-1])][: len(shape)], dtype=object
        ).tolist()
        storage = Storage(dtype, math.prod(shape))
        storage.fill(expect(data, memoryview))
        self.stored = Stored(storage, 0, shape, tuple(steps if fortran else steps[::-1]))


def frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Array:
    """Stands in for ``numpy._core.numeric._frombuffer``: how arrays are written in protocol 5,
    perhaps with their axes in another order.
    """
    array = Array()
    array.build((1, shape, dtype, order == "F", data))
    if axes is not None:
        if sorted(expect(axes, tuple)) != list(range(len(shape))):
            raise CheckpointError("an array whose axes are not in any order")
        old = array.stored
        array.stored = Stored(
            old.storage, 0, tuple(old.shape[i] for i in axes), tuple(old.strides[i] for i in axes)
        )
    return array


def scalar(dtype: Any, data: Any) -> float | int | bool:
    """Stands in for ``numpy.core.multiarray.scalar``: one number of exactly its type's length."""
    storage = Storage(expect(dtype, Dtype).dtype, 1)
    storage.fill(expect(data, memoryview))
    return torch.frombuffer(bytearray(data), dtype=storage.dtype).item()


def latin1(budget: Budget, text: Any, codec: Any) -> memoryview:
    """Stands in for ``_codecs.encode``: how bytes are written in torch's own files, whose pickles
    are of an older protocol.
    """
    if expect(codec, str) != "latin1":
        raise CheckpointError(f"text in codec {codec[:20]!r}")
    budget.spend(text=len(expect(text, str)))
    return memoryview(text.encode("latin1"))


def ndarray(*_: Any) -> None:
    """Stands in for ``numpy.ndarray``, which is only named."""
    raise CheckpointError("numpy.ndarray called; it may only be named")


def names(budget: Budget) -> dict[str, Callable]:
    """The closed list, for one file."""
    return {
        "torch._utils._rebuild_tensor_v2": rebuild_tensor,
        "torch._utils._rebuild_parameter": rebuild_parameter,
        "torch._utils._rebuild_parameter_with_state": rebuild_parameter,
        "torch.storage._load_from_bytes": partial(nested_storage, budget),
        "torch.Size": lambda items: expect(items, tuple),
        "torch.device": lambda *_: None,
        "_codecs.encode": partial(latin1, budget),
        "__builtin__.bytes": lambda: memoryview(b""),
        "numpy.dtype": Dtype,
        "numpy.ndarray": ndarray,
        "numpy.core.multiarray.scalar": scalar,
        "numpy.core.multiarray._reconstruct": lambda *_: Array(),
        "numpy.core.numeric._frombuffer": frombuffer,
        "numpy._core.multiarray.scalar": scalar,
        "numpy._core.multiarray._reconstruct": lambda *_: Array(),
        "numpy._core.numeric._frombuffer": frombuffer,
        **STORAGE_TYPES,
    }
