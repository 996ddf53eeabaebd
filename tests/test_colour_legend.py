"""The legend of scores on the page: text that takes the theme's colour, and the right colours."""

import re

import ipywidgets as W
import numpy as np

import dragkit as dk
from dragkit.compose.score_colours import viridis
from dragkit.widgets.layout import CSS

METHOD = dk.methods.stabledrag() | {"lr": 0.5, "steps": 2}


def player():
    toy = dk.load("toy")
    edit = dk.Edit([(64, 85)], [(74, 80)])
    return dk.Player(dk.Session(toy, toy.sample(0), edit, **METHOD).run(2))


def words(markup):
    return re.sub("<[^>]*>", " ", markup).split()


def test_the_legend_is_text_of_the_page():
    shown = player()
    legend = shown.view.score_maps.legend
    assert isinstance(legend, W.HTML)
    assert words(legend.value) == ["worst", "best", "in", "the", "window", "best", "runner-up"]
    shown.view.score_maps.handle.value = -1
    assert legend.layout.display == "none"
    assert shown.last_error is None


def test_a_map_has_its_lowest_and_highest_value():
    toy = dk.load("toy")
    features = dk.Features(toy, player().trace)
    scores = features.similarity
    low, high = f"{scores.min():.3g}", f"{scores.max():.3g}"
    assert words(features.scale.line.value) == ["cosine:", low, high]


def test_names_in_it_are_text():
    legend = dk.widgets.colour_legend.ColourLegend()
    legend.explain_map(np.array([[0.0, np.nan, 2]]), "<script>alert()</script>")
    assert "<script" not in legend.line.value and "2</span>" in legend.line.value


def test_its_scale_has_the_colours_of_the_scores():
    """Six of them at equal distances; a browser goes straight from one to the next."""
    written = re.findall("#([0-9a-f]{6})", CSS[CSS.index(".dk-scale") :].partition("}")[0])
    stops = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in written])
    shades = viridis()[:, :3].astype(int)
    places = np.linspace(0, 255, len(stops))
    drawn = np.stack([np.interp(np.arange(256), places, stops[:, i]) for i in range(3)], 1)
    assert len(stops) == 6
    assert np.abs(drawn[places.astype(int)] - shades[places.astype(int)]).max() <= 1
    assert np.abs(drawn - shades).max() < 26, "nowhere off by more than a tenth"
