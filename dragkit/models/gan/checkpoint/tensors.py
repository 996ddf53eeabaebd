"""Tensors of a file: where they are in it, checked, and read only when they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .archive import check_sum
from .budget import Budget, CheckpointError
from .machine import Machine
from .tape import Tape
from .values import Known, expect, fields, short

MAGIC = 0x1950A86A20F9469CFC6C  # torch's older files begin with this number
PROTOCOL = 1001
AXES = 8  # of a tensor; a convolution's weight has 4, rosinality's 5
NUMBERS = 1 << 24  # of a tensor; the largest public one has 2.4 million

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


@dataclass(eq=False)
class Storage:
    """`count` numbers in a row, somewhere in the file."""

    dtype: torch.dtype
    count: int
    data: memoryview | None = None  # torch's older files have it behind what describes it
    checksum: int = 0  # CRC-32, or 0 if the file has none

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return self.count * self.dtype.itemsize

    def fill(self, data: memoryview, checksum: int = 0) -> None:
        """Set where the bytes are, and what their checksum must be once they are read."""
        if len(data) != self.bytes:
            raise CheckpointError(
                f"a storage of {self.bytes} bytes has {len(data)}: the file is cut short or"
                " altered"
            )
        self.data = data
        self.checksum = checksum

    def read(self) -> memoryview:
        """The bytes; the first time they are asked for, they are compared with their checksum."""
        if self.data is None:
            raise CheckpointError("a tensor whose numbers are not in the file")
        check_sum(self.data, self.checksum)
        self.checksum = 0
        return self.data


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor in the file.

    Element (i, j, …) is the storage's number offset + i·stride₀ + j·stride₁ + …
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        few = len(self.shape) == len(self.strides) <= AXES
        if not few or not whole((self.offset, *self.shape, *self.strides)):
            raise CheckpointError(
                f"a tensor of {len(self.shape)} axes whose offset, sizes and strides are not whole"
                f" numbers from 0 up, at most {AXES} each"
            )
        last = self.offset + sum(
            (n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)
        )
        if self.numbers and last >= self.storage.count:
            raise CheckpointError(
                f"a tensor {self.shape} that reaches number {last} of a storage of"
                f" {self.storage.count}"
            )

    @property
    def numbers(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return self.numbers * self.storage.dtype.itemsize

    def tensor(self) -> Tensor:
        """The tensor itself, as a contiguous copy in float32.

        Raises:
            CheckpointError: it is empty or huge, or its numbers are not floats, overlap, are
                missing, or are not all finite.
        """
        dtype = self.storage.dtype
        if not dtype.is_floating_point or not self.numbers:
            raise CheckpointError(f"an empty tensor, or one of {dtype}; weights are floats")
        tensor = self._copy().float()
        if not np.isfinite(tensor.numpy()).all():  # in a tenth of the time that torch takes
            raise CheckpointError("a tensor with numbers that are not finite")
        return tensor

    def whole_numbers(self) -> Tensor:
        """The tensor itself, as a contiguous copy of whole numbers or truths in their own type.

        Raises:
            CheckpointError: it is huge, or its numbers are floats, overlap, or are missing.
        """
        dtype = self.storage.dtype
        if dtype.is_floating_point:
            raise CheckpointError(f"a tensor of {dtype}; whole numbers are expected")
        return self._copy()

    def _copy(self) -> Tensor:
        if self.numbers > NUMBERS:
            raise CheckpointError(
                f"a tensor of {self.numbers} numbers; at most {NUMBERS} are read"
            )
        self._check_overlap()
        dtype = self.storage.dtype
        size = dtype.itemsize
        steps = [stride * size for stride in self.strides]
        first = self.offset * size
        bits = np.ndarray(self.shape, f"<i{size}", self.storage.read(), first, steps)
        return torch.from_numpy(bits.copy()).view(dtype)

    def _moving_axes(self) -> list[tuple[int, int]]:
        """(stride, size) of each axis with more than one number, from the smallest stride up."""
        axes = zip(self.strides, self.shape, strict=True)
        return sorted((stride, n) for stride, n in axes if n > 1)

    def _check_overlap(self) -> None:
        reach = 1  # each stride must step over everything that the smaller ones reach
        for stride, n in self._moving_axes():
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


@dataclass(frozen=True)
class StorageType:
    """Stands in for ``torch.FloatStorage`` and the like, which may be named but not called."""

    name: str
    dtype: torch.dtype

    def __call__(self, *_: Any) -> None:
        """Refuse."""
        raise CheckpointError(f"{self.name} called; it may only be named")


STORAGE_TYPES = {
    f"torch.{name}": StorageType(f"torch.{name}", dtype) for name, dtype in STORAGES.items()
}


def storage_of(identity: Any) -> tuple[str, Storage]:
    """Key and storage of a persistent id: ("storage", type, key, location, count[, None])."""
    kind, of, key, _, count, *view = fields(identity)
    storage_type = expect(of, Known).stand_in
    is_storage = kind == "storage" and isinstance(storage_type, StorageType)
    if not is_storage or any(v is not None for v in view):
        raise CheckpointError("a persistent id that is not a plain storage")
    if type(count) is not int or not 0 <= count < 2**40:
        raise CheckpointError("a storage whose count is not a whole number from 0 up")
    return short(key), Storage(storage_type.dtype, count)


def nested_storage(budget: Budget, payload: Any) -> Storage:
    """Stands in for ``torch.storage._load_from_bytes``.

    It is a whole file of torch's older format, which may hold one storage only.
    """
    tape = Tape(expect(payload, memoryview))
    if Machine(budget).run(tape) != MAGIC:
        raise CheckpointError("the bytes of a storage that do not begin with torch's magic number")
    return expect(torch_file(budget, tape, STORAGE_TYPES), Storage)


def torch_file(budget: Budget, tape: Tape, known: Mapping[str, Callable]) -> Any:
    """The rest of a file of torch's older format.

    It has the protocol, the system, the data, the storages' keys, and their numbers.
    """
    storages: dict[str, Storage] = {}

    def persistent(identity: Any) -> Storage:
        key, storage = storage_of(identity)
        return storages.setdefault(key, storage)

    protocol = Machine(budget).run(tape)
    system = expect(Machine(budget).run(tape), dict)
    if protocol != PROTOCOL or not system.get("little_endian"):
        raise CheckpointError("a torch file of another protocol, or from a big-endian machine")
    data = Machine(budget, known, persistent).run(tape)
    for key in expect(Machine(budget).run(tape), list):
        storage = storages[short(key)]
        count = int.from_bytes(tape.take(8), "little")
        if count != storage.count:
            raise CheckpointError(f"a storage of {storage.count} numbers that brings {count}")
        storage.fill(tape.take(storage.bytes))
    return data
