"""A run as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..arguments import instance
from ..contract import checked_metadata
from ..page import Recording
from ..reading import check_text
from .outcome import why

if TYPE_CHECKING:
    from .trace import Trace

METHOD = "a dict of pieces and numbers, such as dk.methods.stabledrag()"


def recording_of(name: str, trace: Trace, method: Mapping[str, Any] | None) -> Recording:
    """The run with its outcome and what it was made with.

    Raises:
        TypeError: `method` is no dict by names.
        ValueError: the trace is empty, or its metadata cannot be written as JSON.
    """
    frames = list(trace)
    if not frames:
        raise ValueError(f"{name} has no steps; run a step first")
    method = {} if method is None else method
    instance("method", method, Mapping, METHOD)
    for key in method:
        instance("a setting's name", key, str, METHOD)
    metadata = checked_metadata("of the trace's metadata", trace.metadata)
    return Recording(name, frames, why(frames), dict(method), metadata, trace.interventions)


def checked_title(title: Any) -> str:
    """`title`, if it can be shown in a line.

    Raises:
        ValueError: it is no short text that can be printed.
    """
    check_text(title, "title")
    return str(title)
