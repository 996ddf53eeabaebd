"""What every study has in common: options, a run that can be resumed, tables and figures."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Protocol

import pandas as pd
from matplotlib.figure import Figure

from ..arguments import option_path
from ..atomic import write_file
from ..models.zoo import DATA
from .workers import processes as processes

Measure = Callable[[Namespace, Path, Executor], pd.DataFrame]


class Command(Protocol):
    """Something that ``python -m dragkit.bench NAME`` can do."""

    @property
    def title(self) -> str:
        """What it does, in one line."""
        ...

    def add_arguments(self, parser: ArgumentParser, name: str) -> None:
        """Add its options to the command line; `name` is what it is called there."""
        ...

    def run(self, options: Namespace) -> None:
        """Do it, and print what was found."""
        ...


@dataclass(frozen=True)
class Script:
    """A command that prints or writes something and has no tables to report."""

    title: str
    options: Callable[[ArgumentParser], None]
    work: Callable[[Namespace], None]

    def add_arguments(self, parser: ArgumentParser, name: str) -> None:
        """Add its own options."""
        self.options(parser)

    def run(self, options: Namespace) -> None:
        """Do the work."""
        self.work(options)


@dataclass(frozen=True)
class Study:
    """A measurement with published tables.

    Attributes:
        title: what it asks, in one line.
        options: adds the study's own options to the command line.
        measure: ``measure(options, out, executor)`` → the results, one a row, made by the workers
            of `executor` and saved in the file `out` (.jsonl), in which a run is resumed.
        report: the tables of the results, as Markdown.
        results: the published results (.csv).
        types: of the columns that pandas would read otherwise.
        figures: by file name, what draws the results.
    """

    title: str
    options: Callable[[ArgumentParser], None]
    measure: Measure
    report: Callable[[pd.DataFrame], str]
    results: Path
    types: Mapping[str, type] = field(default_factory=dict)
    figures: Mapping[str, Callable[[pd.DataFrame], Figure]] = field(default_factory=dict)

    def add_arguments(self, parser: ArgumentParser, name: str) -> None:
        """Add the options of every study and its own."""
        parser.add_argument(
            "--out",
            type=option_path,
            help=f"folder for results and figures, in which a run that was stopped is resumed:"
            f" runs/{name} by default; a report draws figures only where it is told to",
        )
        parser.set_defaults(own_folder=Path("runs") / name)
        parser.add_argument(
            "--report",
            action="store_true",
            help="print the tables of the published results, without measuring; writes nothing"
            " without --out",
        )
        parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
        self.options(parser)

    def run(self, options: Namespace) -> None:
        """Measure what is missing, or take the published results; print tables, draw figures.

        Published results are only printed, unless there is a folder to draw their figures in.
        """
        out = options.out
        if options.report:
            results = self.published()
        else:
            out = out or options.own_folder
            results = self._measured(options, out)
        print(self.report(results))

        if out is None:
            return
        for name, draw in self.figures.items():
            path = write_file(out / f"{name}.png", _as_png(draw(results)))
            print(f"\nThe figure: {path}")

    def published(self) -> pd.DataFrame:
        """The results behind the published tables, one a row."""
        return pd.read_csv(self.results, dtype=dict(self.types))

    def _measured(self, options: Namespace, out: Path) -> pd.DataFrame:
        out.mkdir(parents=True, exist_ok=True)
        with processes(options.workers) as pool:
            results = self.measure(options, out / "results.jsonl", pool)
        table = results.to_csv(index=False, float_format="%.4g")
        write_file(out / self.results.name, table)
        return results


def _as_png(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def published_file(name: str) -> Path:
    """Where the published results of study `name` are."""
    return DATA / "results" / f"{name}.csv"


def sections(parts: Mapping[str, str]) -> str:
    """Tables under their titles, as Markdown; an empty one is left out."""
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items() if text)
