r"""Is StableDrag worth more among look-alikes? ``python -m dragkit.bench cars``.

The protocol of :mod:`dragkit.bench.studies.stabledrag`, on a hundred cars. A lion's landmark
seldom has a look-alike nearby; most of a car's have one, because wheels, windows, roofs and sills
look alike along their edges. DragGAN's window reaches 3 px and meets a look-alike only after it
has drifted, so the trackers are compared with a window of 12 px, too.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ...tasks.poses import CARS
from .. import runner
from ..measures import landmarks
from ..study import Study, published_file, sections
from ..tables import compare, markdown
from . import stabledrag
from .stabledrag import METHODS, Pieces

WINDOW = 48  # px of 512: 12 px of 128, as far as look-alikes are looked for
WIDE: dict[str, Pieces] = {
    f"{name}, 12 px": pieces | {"tracker": replace(pieces["tracker"], radius=WINDOW)}
    for name, pieces in METHODS.items()
}
RESULTS = published_file("cars")


def add_options(parser: ArgumentParser) -> None:
    """How many cars."""
    parser.add_argument("--pairs", type=int, default=100, help="cars to drag by every method")
    parser.add_argument("--few", type=int, default=12, help="how many of them with a wide window")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The drags of every car by every method, and of a few with a wide window."""
    asked = ((options.pairs, METHODS), (min(options.few, options.pairs), WIDE))
    results = []
    for count, methods in asked:
        tasks = CARS.pairs(count)
        results += runner.run(
            tasks, methods, out, model="car", measure=landmarks, executor=executor
        )
    return stabledrag.as_table(results)


def report(results: pd.DataFrame) -> str:
    """The cars' tables, with the lions' beside them, as Markdown."""
    cars = results[results["method"].isin(METHODS)]
    lions = pd.DataFrame(stabledrag.published())
    both = pd.concat([lions, cars])
    both["world"] = both["task"].str.split().str[0]
    both["look-alikes"] = both["lookalike"].map(_share)
    wide = results[results["method"].isin(WIDE)]
    return sections(
        {
            "Cars: the landmarks' distance to their targets (px)": stabledrag.means(cars),
            "Cars: the landmarks' distance to the tracker's points (px)": stabledrag.means(
                cars, "tracker_error"
            ),
            "Handles with a look-alike 5 to 12 px away (%)": _lookalikes(both),
            "Over DragGAN's distance": _over(both, ("world", "count")),
            "Over DragGAN's distance, by the handles that have a look-alike": _over(
                both, ("world", "look-alikes")
            ),
            "Cars, a window of 12 px: the landmarks' distance to their targets (px)": (
                stabledrag.means(wide)
            ),
        }
    )


def _share(lookalike: float) -> str:
    """How many of a task's handles have a look-alike, in words."""
    if lookalike == 0:
        return "none"
    return "all" if lookalike == 1 else "some"


def _lookalikes(both: pd.DataFrame) -> str:
    tasks = both[both["method"] == "DragGAN"]
    percent = 100 * tasks.groupby(["world", "count"])["lookalike"].mean()
    return percent.round().unstack().to_markdown()


def _over(both: pd.DataFrame, by: tuple[str, ...]) -> str:
    return markdown(compare(both.to_dict("records"), "DragGAN", by=by))


STUDY = Study(
    "whether StableDrag is worth more on cars, whose parts look alike",
    add_options,
    measure,
    report,
    RESULTS,
    types={"count": str},
)
