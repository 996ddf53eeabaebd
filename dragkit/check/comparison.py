"""How a student's values differ from the right ones, and how to say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..arguments import shown

Values = dict[str, Any]  # what an answer returned, by name: tensors, or words that must be equal
NEAR = 1e-3  # of the right answer's largest number
FEW = 6  # numbers in a row that are told one by one
BACKWARD = (
    "It calls backward itself; return the loss alone, and whoever asked for it goes backward."
)


class Difference(NamedTuple):
    """The first value that differs: in which case, its name, what is right, what was found."""

    number: int
    name: str
    right: Any
    found: Any


def value_and_gradients(value: Any, **features: Tensor) -> Values:
    """A loss, and its gradient with respect to each of the `features`, by name.

    The gradients are 0 if the value is not a number that can be differentiated. Who goes backward
    is told in words: it is not for the loss to do, and it can be done only once.
    """
    if any(leaf.grad is not None for leaf in features.values()):
        left = [leaf.grad for leaf in features.values()]
        return {"value": value, **_filled(features, left), "backward": BACKWARD}
    if not isinstance(value, Tensor) or not value.requires_grad or value.numel() != 1:
        return {"value": value, **_filled(features, [None] * len(features)), "backward": "later"}
    gradients = torch.autograd.grad(value, list(features.values()), allow_unused=True)
    return {"value": value.detach(), **_filled(features, gradients), "backward": "later"}


def _filled(features: Mapping[str, Tensor], gradients: Sequence[Tensor | None]) -> Values:
    """The gradients by the names of their leaves; 0 where there is none."""
    return {
        name: torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(features.items(), gradients, strict=True)
    }


def first_difference(right: Iterable[Values], found: Sequence[Values]) -> Difference | None:
    """The first case that differs, and the value that does; None if all are equal.

    Words, such as what kind of thing was returned, are compared before numbers.
    """
    for number, (ours, theirs) in enumerate(zip(right, found, strict=False)):
        for name, value in sorted(ours.items(), key=lambda item: is_numbers(item[1])):
            if not _is_same(value, theirs.get(name)):
                return Difference(number, name, value, theirs.get(name))
    return None


def describe_difference(name: str, right: Any, found: Any) -> str:
    """A sentence on how a value differs."""
    subject = f"Its {name}" if name else "What it returns"
    if not is_numbers(right):
        if isinstance(found, str) and found.endswith("."):
            return str(found)  # what a `run` saw, as a sentence of its own
        return f"{subject} is {shown(found)}, but it should be {right!r}."

    expected = to_tensor(right)
    try:
        values = to_tensor(found)
    except (TypeError, ValueError, RuntimeError):
        kind = type(found).__name__
        return f"{subject} is {kind}; it should be numbers of shape {tuple(expected.shape)}."
    if str(getattr(found, "dtype", "")).endswith("bool"):
        return (
            f"{subject} is True or False; it should be numbers of shape {tuple(expected.shape)}."
        )
    return _describe_numbers(subject, name, expected, values)


def _describe_numbers(subject: str, name: str, right: Tensor, found: Tensor) -> str:
    if right.shape[1:] == found.shape[1:] and name.startswith("list"):
        return f"{subject} ends after {len(found)}; it should have {len(right)}."
    if right.shape != found.shape:
        return f"{subject} has shape {tuple(found.shape)}; it should be {tuple(right.shape)}."

    unknown = found.isnan() & ~right.isnan()
    if unknown.any():
        percent = 100 * unknown.double().mean().item()
        return f"{subject} is not a number (NaN) in {percent:.0f} % of its places."
    if right.numel() == 1 or (right.ndim == 1 and right.numel() <= FEW):
        return f"{subject} is {_in_digits(found)}, but it should be {_in_digits(right)}."

    error = (found - right).abs()
    percent = 100 * (error > NEAR * right.abs().max()).float().mean().item()
    return (
        f"{subject} differs in {max(percent, 1):.0f} % of its numbers,"
        f" by up to {error.max().item():.3g}."
    )


def _in_digits(numbers: Tensor) -> str:
    """A number, or a few in a row, to four digits."""
    texts = [f"{number:.4g}" for number in numbers.flatten().tolist()]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def unlike_ours(right: Iterable[Values], found: Sequence[Values]) -> str | None:
    """A sentence if the right numbers are in a list where a tensor is needed; None if not.

    What comes next in a lesson calculates with the answer. An array of NumPy will do.
    """
    for ours, theirs in zip(right, found, strict=True):
        for name, value in ours.items():
            listed = theirs[name]
            if isinstance(value, Tensor) and isinstance(listed, list | tuple):
                has_tensors = any(isinstance(part, Tensor) for part in listed)
                way = "torch.stack" if has_tensors else "torch.tensor"
                return (
                    f"All numbers are right, but they are in a list; return a tensor: {way}(...)."
                )
    return None


def is_numbers(value: Any) -> bool:
    """Whether a value is a tensor, an array or a number, or a list of such."""
    if isinstance(value, list | tuple):
        return all(map(is_numbers, value))
    return isinstance(value, Tensor | np.ndarray | int | float)


def drawable(value: Any) -> Any:
    """The same value in a form that can be drawn, if it is numbers."""
    if isinstance(value, Tensor | str):
        return value
    try:
        return to_tensor(value).squeeze().numpy()
    except (TypeError, ValueError, RuntimeError):
        return value


def to_tensor(value: Any) -> Tensor:
    """Numbers, or lists of them, as a tensor of doubles."""
    if isinstance(value, list | tuple):
        parts = [to_tensor(part) for part in value]
        value = torch.stack(parts) if parts else torch.empty(0)
    tensor = torch.as_tensor(value).detach().cpu()
    if tensor.is_complex():
        raise TypeError("complex numbers have no place here")
    return tensor.double()


def _is_same(right: Any, found: Any) -> bool:
    if not is_numbers(right):
        return isinstance(found, str) and right == found
    try:
        expected, values = to_tensor(right), to_tensor(found)
    except (TypeError, ValueError, RuntimeError):
        return False

    single = expected.numel() == values.numel() == 1
    if expected.shape != values.shape and not single:
        return False
    scale = max(expected.nan_to_num().abs().max().item(), 1e-6)
    return torch.allclose(values, expected, rtol=0, atol=NEAR * scale, equal_nan=True)
