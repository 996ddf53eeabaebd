"""Generators that take a label beside z, which cannot be dragged here: told by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .budget import CheckpointError
from .tensors import Stored
from .values import brief

# how a word of a name begins that belongs to a label: mapping.embed, LabelConcat, class_embedding
LABEL_SIZES = ("c_dim", "label_size")  # how many numbers a label has
LABEL = re.compile(r"(^|[./_])(emb|label|class|cond)", re.IGNORECASE)


def check_no_label(arguments: Iterable[tuple[str, Any]]) -> None:
    """Raise CheckpointError if a generator was built for labels, as its stored arguments say."""
    for name, value in arguments:
        if name in LABEL_SIZES and value != 0:
            raise CheckpointError(
                f"this generator is class-conditional: it was built with {name} {brief(value)},"
                " so it takes a label besides z; only unconditional ones can be dragged"
            )


def check_unconditional(tensors: Mapping[str, Stored], layout: str) -> None:
    """Raise CheckpointError if a generator takes a label, too.

    A label has an embedding; or all that is known of it is that the first layer takes more than
    z, which under rosinality's names has as many numbers as w.
    """
    for name in tensors:
        if LABEL.search(name):
            raise CheckpointError(
                f"this generator is class-conditional: {name!r} belongs to a label's embedding;"
                " only unconditional ones can be dragged"
            )
    first = tensors.get("style.1.weight")
    if layout != "rosinality" or first is None or len(first.shape) != 2:
        return
    w_dim, inputs = first.shape
    if inputs > w_dim > 0:
        raise CheckpointError(
            "this generator is class-conditional: its first layer ('style.1.weight') takes"
            f" {inputs} numbers where w has {w_dim}, so z and a label's embedding; only"
            " unconditional ones can be dragged"
        )
