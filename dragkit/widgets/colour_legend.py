"""What the colours of scores mean, as text of the page: so it fits light and dark themes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .markup import element, show, text_box


class ColourLegend:
    """A line with the scale of colours; the still has it as :func:`dragkit.compose.score_legend`.

    Attributes:
        line: the ipywidget.
    """

    def __init__(self) -> None:
        self.line = text_box("dk-legend", width="100%", margin="2px 0 0")

    def explain_window(self) -> None:
        """From worst to best, and the marks of the two best scores."""
        marks = {"best": "dk-mark dk-best", "runner-up": "dk-mark dk-runner-up"}
        self._explain("worst", "best in the window", marks)

    def explain_map(self, scores: np.ndarray, name: str) -> None:
        """From the lowest value of a map (h w) to the highest."""
        low, high = np.nanmin(scores), np.nanmax(scores)
        self._explain(f"{name}: {low:.3g}", f"{high:.3g}", {})

    def _explain(self, low: str, high: str, marks: Mapping[str, str]) -> None:
        """Show the scale with its two ends, and marks, whose CSS classes are given by word."""
        bar = element("span", "", class_="dk-scale")
        words = [element("span", word, class_=css) for word, css in marks.items()]
        show(self.line, element("span", low), bar, element("span", high), *words)
