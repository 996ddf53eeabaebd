"""What a live chart says: whole legends above the axes, stop distances, swaps, two trackers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import dragkit as dk
from dragkit import compose as c
from dragkit.compose.axes import lay_out
from dragkit.compose.chart_legend import _rows, draw_legend
from dragkit.compose.marks import INK
from dragkit.compose.panels import PAST, SHADE, STOP, stop_distances
from dragkit.runs import retrack
from dragkit.widgets.run_images import panels_of_run, panels_of_runs

SIZE = (384, 192)
STEPS = list(range(20))
ONES = np.ones((20, 1))


def handles(count, **marks):
    lines = {f"handle {i}": (STEPS, np.linspace(9, i, 20)) for i in range(count)}
    return c.Panel("distance to target (px)", lines, **marks)


MARKS = {
    "band": 2.0,
    "past": [(STEPS, ONES[:, 0])],
    "shaded": [(3, 5)],
    "switched": [3, 6],
    "swapped": [9],
}


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 12), marked=st.sets(st.sampled_from(sorted(MARKS))))
def test_every_line_and_mark_is_named_above_the_axes(count, marked):
    panel = handles(count, **{name: MARKS[name] for name in marked})
    (axes,) = lay_out([panel], SIZE)
    rows = _rows(panel, axes.right - axes.left)
    assert sum(map(len, rows)) == count + len(marked)

    sheet = Image.new("RGB", (2 * SIZE[0], 2 * SIZE[1]), "white")
    draw_legend(ImageDraw.Draw(sheet), panel, axes.left, axes.top, axes.right)
    drawn = np.argwhere((np.asarray(sheet) != 255).any(-1))
    assert drawn[:, 0].max() < axes.top - 8, "nothing lies over the axes or a triangle"
    assert drawn[:, 0].min() >= 0 and drawn[:, 1].min() >= 4 and drawn[:, 1].max() <= axes.right
    names = [entry.name for row in rows for entry in row]
    assert not any("…" in name for name in names)


def test_a_name_that_is_too_long_is_shortened_and_the_others_stay():
    lines = {"a very long name of a run, as people give them, " * 3: (STEPS, ONES[:, 0])}
    panel = c.Panel("confidence", lines | {"b": (STEPS, ONES[:, 0])})
    (axes,) = lay_out([panel], SIZE)
    names = [entry.name for row in _rows(panel, axes.right - axes.left) for entry in row]
    assert len(names) == 2 and names[0].endswith("…") and names[1] == "b"


def test_the_stop_distance_is_a_line_where_the_band_ends():
    (axes,) = lay_out([handles(1, band=2.0)], SIZE)
    image = np.asarray(c.chart([handles(1, band=2.0)], None, SIZE))
    rows = np.unique(np.argwhere((image[axes.top :] == STOP).all(-1))[:, 0]) + axes.top
    assert abs(rows.mean() - axes.y(2.0)) <= 1
    several = c.Panel("d", {"a": (STEPS, ONES[:, 0])}, bands={"a": 2.0})
    assert stop_distances(several) == [(2.0, several.colours["a"])]


def test_a_swapped_tracker_is_marked_and_has_axes_of_its_own():
    trackers = ["NearestNeighbor"] * 8 + ["Discriminative"] * 12
    confidence = np.where(np.arange(20) < 8, 0.9, 0.3)[:, None]
    panels = c.run_panels(
        STEPS, ONES, {"shift": ONES[:, 0]}, confidence=confidence, trackers=trackers
    )
    assert all(panel.swapped == [8] for panel in panels)
    first, second = panels[-2:]
    assert first.title == "confidence: NearestNeighbor"
    assert second.title == "confidence: Discriminative"
    (_, before), (_, after) = first.lines[""], second.lines[""]
    assert np.isfinite(before).sum() == 8 and np.isfinite(after).sum() == 12
    assert not np.isfinite(before[8:]).any()

    same = c.run_panels(STEPS, ONES, {}, confidence=confidence, trackers=trackers[:1] * 20)
    assert [panel.title for panel in same][-1] == "confidence" and not same[0].swapped


def test_an_intervention_is_a_diamond_on_the_axis():
    (panel, *_) = c.run_panels(STEPS, ONES, {}, intervened=[12])
    (axes,) = lay_out([panel], SIZE)
    image = np.asarray(c.chart([panel], None, SIZE))
    x, y = round(axes.x(12)), axes.bottom
    assert (image[y - 4 : y + 5, x - 3 : x + 4] == INK).all()
    assert not (image[y - 4 : y + 5, round(axes.x(11)) + 4] == INK).all(-1).any()


@pytest.mark.parametrize(("values", "ends"), [((0.6, 0.95), (0, 1)), ((-3.0, -1.0), (-3, -1))])
def test_the_axis_of_the_confidence_stays_while_the_run_grows(values, ends):
    confidence = np.linspace(*values, 20)[:, None]
    for count in (2, 9, 20):
        panel = c.run_panels(STEPS[:count], ONES[:count], {}, confidence=confidence[:count])[-1]
        (axes,) = lay_out([panel], SIZE)
        low, high = axes.values[0], axes.values[-1]
        if ends == (0, 1):
            assert (low, high) == (0, 1)
        else:
            assert ends[0] <= low and high <= ends[1], "where 0 to 1 would say nothing"


@pytest.fixture(scope="module")
def model():
    return dk.load("toy")


@pytest.fixture(scope="module")
def trace(model):
    edit = dk.Edit([(64, 85)], [(74, 80)])
    method = dk.methods.draggan() | {"lr": 0.5, "steps": 40, "arrive": 3.0}
    return dk.Trace(dk.drag(model, model.sample(0), edit, **method))


def test_a_run_knows_its_stop_distance_and_keeps_it(model, trace, tmp_path):
    assert {frame.step.arrive for frame in trace} == {3.0}
    again = dk.Trace.load(trace.save(tmp_path / "run.json"))
    assert {frame.step.arrive for frame in again} == {3.0}
    assert panels_of_run(again)[0].band == 3.0


def test_compare_judges_arrival_by_the_runs_own_stop_distance(model, trace):
    assert trace[-1].arrived.all() and trace[-1].distance.item() > 1
    own = retrack(model, trace, dk.methods.draggan()["tracker"])
    assert own[-1].arrived.all(), "as in the run: the same points, the same stop distance"
    closer = retrack(model, trace, dk.NearestNeighbor(), arrive=1.0)
    assert not closer[-1].arrived.any()

    both = panels_of_runs({"a": trace, "b": own}, 0)
    assert both[0].band == 3.0 and not both[0].bands
    differ = panels_of_runs({"a": trace, "b": closer}, 0)
    assert differ[0].band is None and differ[0].bands == {"a": 3.0, "b": 1.0}


def test_two_trackers_have_two_axes_and_a_run_one_colour(model, trace):
    learned = retrack(model, trace, dk.Discriminative())
    panels = panels_of_runs({"a": trace, "b": learned, "c": trace}, 0)
    assert [list(panel.lines) for panel in panels] == [["a", "b", "c"], ["a", "c"], ["b"]]
    for panel in panels[1:]:
        assert all(panels[0].colours[name] == colour for name, colour in panel.colours.items())


def test_a_run_whose_tracker_was_swapped_is_on_the_axes_of_both(model, trace):
    session = dk.Session(model, trace[0].latent, trace[0].edit, **dk.methods.draggan())
    session.run(2)
    session.swap(tracker=dk.Discriminative()).run(2)
    panels = panels_of_runs({"a": trace, "swapped": session.trace}, 0)
    assert [list(panel.lines) for panel in panels[1:]] == [["a", "swapped"], ["swapped"]]
    nearest, learned = (np.isfinite(panel.lines["swapped"][1]).tolist() for panel in panels[1:])
    assert learned == [not known for known in nearest] and sum(learned) == 2


def test_a_tracker_that_measures_no_confidence_says_so_on_its_axes(model, trace):
    flow = retrack(model, trace, dk.OpticalFlow())
    panels = panels_of_runs({"a": trace, "b": flow}, 0)
    assert [panel.title for panel in panels[1:]] == [
        "confidence: NearestNeighbor",
        "confidence: OpticalFlow: not measured",
    ]


def test_what_a_file_says_as_stop_distance_is_checked(model, trace):
    from dragkit.runs.checks import check_frames

    for wrong in (-1.0, float("nan"), "far", 0):
        frame = replace(trace[0], step=replace(trace[0].step, arrive=wrong))
        with pytest.raises(ValueError, match="as arrive is .*, no distance above 0"):
            check_frames([frame])


def test_the_colours_of_samples_are_those_of_what_they_name():
    panel = handles(1, shaded=[(3, 5)], past=[(STEPS, ONES[:, 0])])
    image = np.asarray(c.chart([panel], None, SIZE))
    (axes,) = lay_out([panel], SIZE)
    legend = image[: axes.top - 10]
    for colour in (SHADE, PAST, panel.colours["handle 0"]):
        assert (legend == colour).all(-1).any()


def test_plots_have_the_stop_distance_and_an_axis_for_each_tracker(model, trace):
    learned = retrack(model, trace, dk.Discriminative(), arrive=2.0)
    distance, *confidences = dk.plot.compare([trace, learned, trace]).axes
    assert [axes.get_ylabel().split("\n")[0] for axes in confidences] == [
        "confidence of NearestNeighbor",
        "confidence of Discriminative",
    ]
    assert [len(axes.lines) for axes in confidences] == [2, 1]
    stops = [line.get_ydata()[0] for line in distance.lines if line.get_linestyle() == "--"]
    assert stops == [3.0, 2.0, 3.0]
    assert len(dk.plot.compare([trace, trace]).axes) == 2

    swapped = dk.Trace([*trace.frames[:3], *learned.frames[3:]])
    for plot in (dk.plot.losses(swapped), dk.plot.confidence(swapped)):
        words = [text.get_text() for text in plot.axes[0].get_legend().get_texts()]
        assert "tracker swapped" in words
        assert [line.get_xdata()[0] for line in plot.axes[0].lines].count(swapped[3].index) == 1
