"""One edit dragged with several settings, as a figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arguments import instance, named_arguments
from ..records import Edit, Frame
from ..runs.trace import Trace
from .figures import Photo, check_trace, more_height
from .frames import show_frame

TOLERANCE = 2  # of 255 levels: devices round differently


@named_arguments
def ablation(runs: Mapping[str, Trace]) -> Photo:
    """One edit with several settings: the start, and side by side how each run ended, and when.

    DragGAN's ablation asks in this way which block to read; which rows of w+ move, a loss or a
    tracker can be compared as well::

        latent = dk.load("lion").sample(2)
        edit = dk.Edit([(74, 74)], [(74, 87)])
        runs = {}
        for block in (32, 64, (32, 64)):
            model = dk.load("lion", feature_block=block)      # or rows=4, or space="w"
            runs[f"block {block}"] = dk.Trace(dk.drag(model, latent, edit, **dk.methods.draggan()))
        dk.plot.ablation(runs)

    DragGAN counts blocks from 1: its block k is the one of 2^(k + 1) px, so its preferred block 6
    is that of 128 px. "Arrived" is what the tracker claims: look at what is under the ring. More
    than six runs take two rows.

    Raises:
        TypeError: it is not a dict of runs.
        ValueError: there is no run, one is empty, or they did not begin with the same edit of the
            same image.
    """
    way_out = 'runs by name, such as {"block 64": trace}'
    instance("runs", runs, Mapping, way_out)
    if not runs:
        raise ValueError(f"there is no run to draw; give {way_out}")
    _check_same_start(runs)
    start = next(iter(runs.values()))[0]
    shown = {"start": start}
    shown |= {f"{name}\n{_outcome(trace[-1])}": trace[-1] for name, trace in runs.items()}

    across = len(shown) if len(runs) <= 6 else len(runs) // 2 + 1
    down = -(-len(shown) // across)
    height = 2.3 + more_height(1.8, start.size)
    figure = Photo(figsize=(1.9 * across, height * down), layout="compressed")
    for i, (caption, frame) in enumerate(shown.items()):
        axes = figure.add_subplot(down, across, i + 1)
        show_frame(axes, frame, bold=1.5)
        axes.set_title(caption, fontsize=9)
        axes.set_axis_off()
    return figure


def _check_same_start(runs: Mapping[str, Trace]) -> None:
    """Raise ValueError if one start image could not stand for all runs."""
    for name, trace in runs.items():
        check_trace(trace, f"run {name!r}")
    (first_name, first_run), *others = runs.items()
    first = first_run[0]
    for name, trace in others:
        start = trace[0]
        pair = f"the runs {first_name!r} and {name!r}"
        for what, values in _parts(start.edit).items():
            if not np.array_equal(values, _parts(first.edit)[what]):
                raise ValueError(f"{pair} began with different {what}; an ablation drags one edit")
        if not _look_alike(start.image, first.image):
            raise ValueError(
                f"{pair} began with different images; start both from the same latent"
            )


def _parts(edit: Edit) -> dict[str, np.ndarray]:
    """What makes two edits the same."""
    return {
        "handles": edit.handles.numpy(),
        "targets": edit.targets.numpy(),
        "mask": np.asarray(edit.mask),
    }


def _look_alike(image: np.ndarray, other: np.ndarray) -> bool:
    return image.shape == other.shape and np.allclose(image, other, atol=TOLERANCE)


def _outcome(frame: Frame) -> str:
    """How a run ended, in a few words."""
    if frame.arrived.all():
        return f"arrived after {frame.index} steps"
    return f"{frame.index} steps, still {frame.distance.max():.1f} px away"
