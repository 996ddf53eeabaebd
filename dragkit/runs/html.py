"""Runs side by side on a page without a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..arguments import instance, named_arguments, shown
from ..page import Recording, write_page
from ..reading import check_text
from .recording import checked_title, recording_of
from .trace import Trace

MOST_RUNS = 6  # as many colours as the curves have
WAY_OUT = 'runs by name, such as {"DragGAN": a, "StableDrag": b}'


@named_arguments
def to_html(
    runs: Mapping[str, Trace],
    path: str | Path,
    *,
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    title: str = "Drag runs compared",
) -> Path:
    """Write runs as one HTML file that any browser opens: no kernel, no network, no set-up.

    ``dk.to_html({"DragGAN": a, "StableDrag": b}, "compare.html")``, or ``a.to_html("run.html")``
    for one run. One slider moves all runs; keys are arrows, space, Home and End. The page shows
    each step's image with handles, targets, path, mask and score window, which can be switched off
    one by one; the score maps with their scale, best and second peak; the curves of distance,
    losses and confidence; and the settings, where runs differ marked.

    A page is a copy to look at, and is smaller than the run: images are WebP of quality 85, at
    most 640 px large, and a score is one of 255 levels between the exact worst and best of its
    window. 100 steps at 256 px take about a megabyte. :meth:`dragkit.Trace.save` keeps everything.

    Names, notes and settings are data: whatever a text says, it is shown as text, and the page
    forbids any script but its own and any address. The same runs give the same bytes. A page takes
    the place of one that was written before, and of nothing else. A progress bar appears if it
    takes longer than two seconds.

    Args:
        runs: one to six runs by name.
        path: of the file, ending in .html.
        methods: what each run was made with, by the same names, for the table of settings, such as
            ``{"StableDrag": dk.methods.stabledrag()}``; a run does not remember it.
        title: of the page.

    Returns:
        The path.

    Raises:
        TypeError: the runs are no dict of traces, or a method is no dict.
        ValueError: a run is empty, there are too many, a name cannot be shown, `methods` names
            another run, or the path has another ending.
        FileExistsError: a file is there that is no page of dragkit's.
    """
    recordings = _recordings(runs, {} if methods is None else methods)
    return write_page(path, checked_title(title), recordings)


def _recordings(
    runs: Mapping[str, Trace], methods: Mapping[str, Mapping[str, Any]]
) -> list[Recording]:
    instance("runs", runs, Mapping, WAY_OUT)
    instance("methods", methods, Mapping, "a method for some of the runs, by their names")
    if not 1 <= len(runs) <= MOST_RUNS:
        raise ValueError(f"there are {len(runs)} runs; give 1 to {MOST_RUNS} {WAY_OUT}")
    for name, trace in runs.items():
        instance("a run's name", name, str, WAY_OUT)
        check_text(name, "a run's name")
        instance(f"run {shown(name)}", trace, Trace, WAY_OUT)
    for name in methods:
        if name not in runs:
            raise ValueError(f"methods names {shown(name)}; there are the runs {', '.join(runs)}")
    return [recording_of(name, trace, methods.get(name)) for name, trace in runs.items()]
