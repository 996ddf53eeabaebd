"""What the colours of scores mean, as text of the page: so it fits light and dark themes."""

from __future__ import annotations

import numpy as np

from .markup import Markup, element, show, text_box


class ColourLegend:
    """A line with the scale of colours; the still has it as :func:`dragkit.compose.score_legend`.

    Attributes:
        line: the ipywidget.
    """

    def __init__(self) -> None:
        self.line = text_box("dk-legend", width="100%", margin="2px 0 0")

    def explain_window(self) -> None:
        """From worst to best, and the marks of the two best scores."""
        show(
            self.line,
            *_scale("worst", "best in the window"),
            element("span", "best", class_="dk-mark dk-best"),
            element("span", "runner-up", class_="dk-mark dk-runner-up"),
        )

    def explain_map(self, scores: np.ndarray, name: str) -> None:
        """From the lowest value of a map (h w) to the highest."""
        low, high = np.nanmin(scores), np.nanmax(scores)
        show(self.line, *_scale(f"{name}: {low:.3g}", f"{high:.3g}"))


def _scale(low: str, high: str) -> list[Markup]:
    bar = element("span", "", class_="dk-scale")
    return [element("span", low), bar, element("span", high)]
