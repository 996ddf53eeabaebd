"""What the study of the scores found, as tables: a row for each score.

Distances are in px of 64, shares in per cent; `low` and `high` are 95 % bootstrap intervals.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from ..metrics import bootstrap
from ..tables import compare
from .dragbench import BASE, as_records

PASTED = "pasted"
STABLE = "StableDrag-Diff"
CLEAR = 1.0  # px by which one image must be farther from the target to be the worse one
LOWER = {  # scores that say how far the content is from the target, and their titles
    "md": "MD, whole image",
    "md_discs": "MD, in discs",
    "mean_distance": "landmark network",
    "dai_1": "DAI 1",
    "dai_5": "DAI 5",
    "dai_10": "DAI 10",
}
HIGHER = {"psnr": "PSNR to the target", "ssim": "SSIM to the target"}
PIXELS = ("md", "md_discs", "mean_distance")  # which of them are in px


def errors(stopped: pd.DataFrame) -> pd.DataFrame:
    """How each score in px errs: its mean at the target itself, and its mean error overall."""
    rows = []
    for name in PIXELS:
        off = stopped[name] - stopped["truth"]
        there = stopped.loc[stopped["stop"] == 1, name]
        low, high = bootstrap(there)
        rows.append(
            {
                "score": LOWER[name],
                "of the true target itself": there.mean(),
                "low": low,
                "high": high,
                "mean error": off.abs().mean(),
                "bias": off.mean(),
                "rank correlation": stopped[[name, "truth"]].corr("spearman").iloc[0, 1],
            }
        )
    return pd.DataFrame(rows).set_index("score")


def floors(stopped: pd.DataFrame, drags: pd.DataFrame) -> pd.DataFrame:
    """The MD of the true target and of a method's drags, by category, and how much lower that is.

    The interval is that of the mean difference, task by task.
    """
    dragged = drags[drags["method"] == STABLE].set_index("task")["md"]
    target = stopped[stopped["stop"] == 1].set_index("task")["md"]
    both = pd.DataFrame({"target": target, "dragged": dragged}).dropna()
    groups = {"all": both, **dict(list(both.groupby(both.index.str.split("/").str[0])))}
    rows = []
    for category, group in groups.items():
        lower = group["target"] - group["dragged"]
        low, high = bootstrap(lower)
        means = {"the target": group["target"].mean(), STABLE: group["dragged"].mean()}
        rows.append(
            {"category": category, **means, "lower by": lower.mean(), "low": low, "high": high}
        )
    return pd.DataFrame(rows).set_index("category")


def wrong_preferences(stopped: pd.DataFrame) -> pd.DataFrame:
    """How often each score prefers the worse of two images of a sample."""
    rows = []
    for name, title in (LOWER | HIGHER).items():
        by_task = [_wrong(group, name) for _, group in stopped.groupby("task")]
        shares = pd.Series(
            [100 * float(np.mean(wrong)) for wrong in by_task if wrong], dtype=float
        )
        low, high = bootstrap(shares)
        rows.append({"score": title, "wrong": shares.mean(), "low": low, "high": high})
    return pd.DataFrame(rows).set_index("score")


def wrong_by_category(stopped: pd.DataFrame) -> pd.DataFrame:
    """The same for each category, a column each."""
    columns = {}
    for category, rows in stopped.groupby(stopped["task"].str.partition("/")[0]):
        columns[category] = wrong_preferences(rows)["wrong"]
    return pd.DataFrame(columns)


def _wrong(group: pd.DataFrame, name: str) -> list[bool]:
    """Of each pair of a sample's images that differ clearly, whether the worse is preferred."""
    sign = -1 if name in HIGHER else 1
    found = []
    for (_, one), (_, other) in combinations(group.iterrows(), 2):
        farther = one["truth"] - other["truth"]
        if abs(farther) >= CLEAR:
            found.append(bool(sign * (one[name] - other[name]) * farther < 0))
    return found


def liking_paste(known: pd.DataFrame) -> pd.DataFrame:
    """How often a pasted patch scores better than the true target image."""
    fake = known[known["method"] == PASTED].set_index("task")
    true = known[known["stop"] == 1].set_index("task")
    rows = []
    for name, title in (LOWER | HIGHER).items():
        sign = -1 if name in HIGHER else 1
        better = 100.0 * (sign * (fake[name] - true[name]) < 0)
        low, high = bootstrap(better)
        rows.append({"score": title, "prefers it": better.mean(), "low": low, "high": high})
    return pd.DataFrame(rows).set_index("score")


def verdicts(drags: pd.DataFrame) -> pd.DataFrame:
    """By each score, every method's mean over the baseline's with its interval."""
    rows: dict[str, dict[str, str]] = {}
    for name, title in LOWER.items():
        ratios = compare(as_records(drags), BASE, by=(), value=name)
        for method, row in ratios.iterrows():
            said = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            rows.setdefault(title, {})[str(method)] = said
    return pd.DataFrame(rows).T.rename_axis("score")


def disagreements(drags: pd.DataFrame) -> pd.DataFrame:
    """How often each score ranks two methods' drags otherwise than the landmark network."""
    known = drags[drags["error"].isna()]
    rows = []
    for name, title in LOWER.items():
        if name == "mean_distance":
            continue
        shares = []
        for _, group in known.groupby(["task", "budget"]):
            pairs = combinations(group[[name, "mean_distance"]].to_numpy(), 2)
            differ = [(a - b) for a, b in pairs if abs(a[1] - b[1]) >= CLEAR]
            shares += [100.0 * bool(score * truth < 0) for score, truth in differ]
        low, high = bootstrap(shares)
        rows.append({"score": title, "otherwise": np.mean(shares), "low": low, "high": high})
    return pd.DataFrame(rows).set_index("score")
