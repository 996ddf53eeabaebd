"""The scores that a page of drags shows: what each is called, what it is, and which is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

GROUPS = {  # class in the page → what one chooses it by
    "main": "the main ones",
    "distance": "distances",
    "patches": "patches (DAI)",
    "change": "what has changed",
    "target": "to the true target",
    "run": "the run itself",
}


@dataclass(frozen=True)
class Score:
    """A column of the page.

    Attributes:
        head: its name and unit.
        groups: those of `GROUPS` that it belongs to.
        what: what it is, in a line.
        better: "lower" or "higher"; empty if neither is.
    """

    head: str
    groups: tuple[str, ...]
    what: str
    better: str = ""

    @property
    def direction(self) -> str:
        """Which is better, in words."""
        return self.better and f"{self.better} is better"

    @property
    def css(self) -> str:
        """Its classes in the page."""
        return " ".join(["score", *self.groups])


def _dai(radius: int) -> Score:
    side = 2 * radius + 1
    what = f"how {side} × {side} px at the target differ from the handle's before"
    return Score(f"DAI {radius}", ("patches",), what, "lower")


SCORES = {  # column of the results → how the page shows it
    "md": Score(
        "MD [px]",
        ("main", "distance"),
        "from where the content is found in the whole result to its target",
        "lower",
    ),
    "m_md": Score("m-MD [px]", ("distance",), "the same, found inside the mask", "lower"),
    "md_discs": Score(
        "MD in discs [px]", ("distance",), "the same, found near handle or target", "lower"
    ),
    "md_normalised": Score(
        "normalised MD",
        ("distance",),
        "the same, in widths and heights of the image (RegionDrag)",
        "lower",
    ),
    "mean_distance": Score(
        "landmarks [px]",
        ("main", "distance"),
        "from where the landmark network sees the content to its target",
        "lower",
    ),
    **{f"dai_{radius}": _dai(radius) for radius in (1, 5, 10, 20)},
    "fidelity": Score(
        "IF", ("main", "change"), "1 − LPIPS of before and after; 1 = the same image", "higher"
    ),
    "pyramid": Score(
        "pyramid", ("main", "change"), "ours in place of IF; 1 = the same image", "higher"
    ),
    "change_outside": Score(
        "outside [levels]",
        ("main", "change"),
        "mean change where the mask allows none, of 255 grey levels",
        "lower",
    ),
    "psnr": Score(
        "PSNR [dB]",
        ("main", "target"),
        "how near the true target image is, pixel by pixel",
        "higher",
    ),
    "ssim": Score(
        "SSIM",
        ("target",),
        "how alike the true target image is in structure; 1 = the same",
        "higher",
    ),
    "arrived": Score("arrived", ("run",), "points that are there, as the tracker claims"),
    "claimed_distance": Score(
        "claimed [px]", ("run",), "from where the tracker sees its points to the targets", "lower"
    ),
    "steps": Score("steps made", ("main", "run"), "fewer than its budget if all points arrived"),
    "seconds": Score("time [s]", ("run",), "of dragging, without LoRA and inversion", "lower"),
    "inversion_psnr": Score(
        "inversion [dB]", ("run",), "how near the undragged image comes back (PSNR)", "higher"
    ),
}


def measured(rows: pd.DataFrame) -> list[str]:
    """The columns of the results that have a value anywhere, in the order of `SCORES`."""
    return [name for name in SCORES if name in rows and rows[name].notna().any()]


def heads(names: Sequence[str]) -> str:
    """The table's heads of these scores, which sort when they are clicked."""
    found = []
    for name in names:
        score = SCORES[name]
        text = f"{escape(score.head)}<small>{score.direction}</small>"
        found.append(f'<th class="{score.css}"><button type="button">{text}</button></th>')
    return "".join(found)


def explained(names: Sequence[str]) -> str:
    """What these scores are, a line each."""
    found = []
    for name in names:
        score = SCORES[name]
        what = "; ".join(filter(None, [score.what, score.direction]))
        head = f"<dt>{escape(score.head)}</dt><dd>{escape(what)}</dd>"
        found.append(f'<div class="{score.css}">{head}</div>')
    return "\n".join(found)


def choices(names: Sequence[str]) -> str:
    """The groups to choose from, of those that these scores belong to."""
    there = {group for name in names for group in SCORES[name].groups}
    options = {group: title for group, title in GROUPS.items() if group in there} | {"": "all"}
    return "".join(f'<option value="{group}">{title}</option>' for group, title in options.items())
