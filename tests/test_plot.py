"""The figures name their axes, show the trace's numbers and need no pyplot."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image

import dragkit as dk
from dragkit.runs import draw_frame


@pytest.fixture(scope="module")
def trace():
    model = dk.load("toy")
    edit = dk.Edit([(64, 85), (32, 36)], [(74, 80), (38, 36)])
    return dk.Trace(
        dk.drag(
            model, model.sample(0), edit, **dk.methods.draggan("paper") | {"lr": 0.5, "steps": 8}
        )
    )


def test_a_step_in_pixels(trace):
    axes = dk.plot.step(trace[3]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (px)", "y (px)")
    assert axes.get_title() == "step 3"
    assert axes.images[0].get_extent() == [-0.5, 127.5, 127.5, -0.5]


def test_losses_show_the_numbers_of_the_trace(trace):
    far, loss = dk.plot.losses(trace).axes
    assert far.get_ylabel() == "distance to target (px)"
    for handle in (0, 1):
        assert np.allclose(far.lines[handle].get_ydata(), [f.distance[handle] for f in trace])
    assert [line.get_label() for line in loss.lines] == list(trace[0].losses)


def test_a_filmstrip_goes_from_the_first_step_to_the_last(trace):
    titles = [axes.get_title() for axes in dk.plot.filmstrip(trace, n=3).axes]
    assert titles == ["step 0", "step 4", "step 8"]
    assert len(dk.plot.filmstrip(trace, n=99).axes) == len(trace)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_a_filmstrips_legend_fits_below_its_images(trace, n):
    strip = dk.plot.filmstrip(trace, n=n)
    strip.draw_without_rendering()
    text = strip._supxlabel.get_window_extent()
    assert text.x0 >= 0 and text.x1 <= strip.bbox.x1
    assert all(text.y1 <= axes.get_window_extent().y0 for axes in strip.axes)


def test_the_score_window_lies_where_the_tracker_looked(trace):
    axes = dk.plot.scores(trace[5], handle=1).axes[0]
    left, right, bottom, top = axes.images[0].get_extent()
    assert ((left + right) / 2, (top + bottom) / 2) == tuple(trace[4].points[1].tolist())
    ring = axes.lines[0]
    assert (*ring.get_xdata(), *ring.get_ydata()) == tuple(trace[5].points[1].tolist())


def test_a_step_of_the_loop_will_do():
    model = dk.load("toy")
    steps = dk.drag(
        model, model.sample(0), dk.Edit([(64, 85)], [(70, 80)]), **dk.methods.draggan()
    )
    assert dk.plot.step(next(steps)).axes


def test_figures_show_themselves_without_pyplot(trace):
    before = "matplotlib.pyplot" in sys.modules
    assert dk.plot.losses(trace)._repr_png_().startswith(b"\x89PNG")
    assert dk.plot.filmstrip(trace)._repr_jpeg_().startswith(b"\xff\xd8")
    assert before or "matplotlib.pyplot" not in sys.modules


NAN = np.full((4, 4), np.nan)
EMPTY = dk.Trace()
ONE_LAYER = dk.View(torch.zeros(1, 4, 4), (8, 8), None)
TWO_LAYERS = dk.View(torch.zeros(2, 4, 4), (8, 8), None)
BROKEN = dk.View(torch.full((3, 4, 4), torch.nan), (8, 8), None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: dk.plot.losses(EMPTY), "the trace is empty; run a step first"),
        (lambda t: dk.plot.filmstrip(EMPTY), "the trace is empty"),
        (lambda t: dk.plot.filmstrip(t, n=0), "n is 0; give a whole number from 1 to 100"),
        (lambda t: dk.plot.filmstrip(t, n=-1), "n is -1"),
        (lambda t: dk.plot.filmstrip(t, n="a"), "n is 'a'"),
        (lambda t: dk.plot.filmstrip(t, n=2.5), "n is 2.5"),
        (lambda t: dk.plot.filmstrip(t, n=True), "n is True"),
        (lambda t: dk.plot.filmstrip(t, n=10**9), "n is 1000000000"),
        (lambda t: dk.plot.scores(t[0], handle=2), "handle is 2; give a whole number from 0 to 1"),
        (lambda t: dk.plot.scores(t[0], handle=-1), "handle is -1"),
        (lambda t: dk.plot.scores(t[0], handle=None), "handle is None"),
        (lambda t: dk.plot.confidence(EMPTY), "the trace is empty"),
        (lambda t: dk.plot.confidence(t, 5), "handle is 5; give a whole number from 0 to 1"),
        (lambda t: dk.plot.confidence(t, "a"), "handle is 'a'"),
        (lambda t: dk.plot.confidence(t, 0.5), "handle is 0.5"),
        (lambda t: dk.plot.compare([]), "there are no runs to draw; give at least one"),
        (lambda t: dk.plot.compare([t, EMPTY]), "the run 1 is empty"),
        (lambda t: dk.plot.compare([t], handle=2), "handle is 2"),
        (lambda t: dk.plot.compare([t], ["a", "b"]), "1 runs and 2 names; give a name for each"),
        (lambda t: dk.plot.features([]), "there are no views to draw"),
        (lambda t: dk.plot.features([ONE_LAYER], []), "1 views and 0 names"),
        (lambda t: dk.plot.features(BROKEN), r"views\[0\] hold NaN or infinity"),
        (
            lambda t: dk.plot.features([ONE_LAYER, TWO_LAYERS]),
            "have length 2, the first ones 1; read all from one block",
        ),
        (lambda t: dk.plot.images({}), "no images to show; give a dict of name and image"),
        (lambda t: dk.plot.images({"a": np.zeros(3)}), r"'a' has shape \(3,\); an image is"),
        (lambda t: dk.plot.images({"a": torch.zeros(3, 0, 4)}), r"'a' has shape \(3, 0, 4\)"),
        (lambda t: dk.plot.images({"a": 5}), r"'a' has shape \(\)"),
        (lambda t: dk.plot.images({"a": "a.png"}), "the image 'a' is 'a.png'; give a tensor"),
        (lambda t: dk.plot.images({"a": t[0].image * 1j}), "the image 'a' is array"),
        (lambda t: dk.plot.images({"a": np.full((2, 2, 3), np.nan)}), "'a' has colours from nan"),
        (lambda t: dk.plot.images({"a": np.full((2, 2, 3), 9.0)}), "from 9 to 9; give 0 to 1"),
        (lambda t: dk.plot.images({"a": np.full((2, 2, 3), 300)}), "give 0 to 255"),
        (lambda t: dk.plot.images({"a": t[0].image}, side=-1), "side is -1; give a whole number"),
        (lambda t: dk.plot.inversion(5), "5 holds no inversion; give what dragkit.invert"),
        (lambda t: dk.plot.curves({}, "x", "y"), "there is no curve to draw; give a dict"),
        (lambda t: dk.plot.curves({"a": "text"}, "x", "y"), "the curve 'a' is 'text'; give numb"),
        (lambda t: dk.plot.curves({"a": [1, None]}, "x", "y"), r"the curve 'a' is \[1, None\]"),
        (lambda t: dk.plot.curves({"a": []}, "x", "y"), r"the curve 'a' has shape \(0,\)"),
        (lambda t: dk.plot.curves({"a": 5}, "x", "y"), r"the curve 'a' has shape \(\)"),
        (lambda t: dk.plot.curves({"a": NAN}, "x", "y"), r"the curve 'a' has shape \(4, 4\)"),
        (lambda t: dk.plot.curves({"a": [1]}, "x", "y", at=[np.nan]), r"at is \[nan\]; give fin"),
        (lambda t: dk.plot.maps({}), "maps are tensors"),
        (lambda t: dk.plot.maps({"a": NAN}), "no finite number to draw in 'a'"),
        (lambda t: dk.plot.maps({"a": NAN}, same=False), "no finite number to draw in 'a'"),
        (lambda t: dk.plot.maps({"a": "text"}), "the map 'a' is 'text'"),
        (lambda t: dk.plot.maps({"a": np.eye(2)}, corner=5), r"corner has shape \(\)"),
        (lambda t: dk.plot.maps({"a": np.eye(2)}, corner=(0, np.inf)), "corner has the value inf"),
        (lambda t: draw_frame(t[0], handle=7), "handle is 7; give a whole number from 0 to 1"),
        (lambda t: draw_frame(t[0], size=-1), "size is -1; give a whole number from 16 to 4096"),
        (lambda t: draw_frame(t[0], size=64.5), "size is 64.5"),
        (lambda t: draw_frame(t[0], size=10**6), "size is 1000000"),
        (lambda t: draw_frame(t[0], bold=-1), "bold is -1; give a number above 0"),
        (lambda t: draw_frame(t[0], path=[(1, 2)]), r"path has shape \(1, 2\); give points of sh"),
        (lambda t: draw_frame(t[0], path="text"), "path is 'text'"),
    ],
)
def test_errors_say_the_way_out(trace, call, message):
    with pytest.raises(ValueError, match=message):
        call(trace)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: dk.plot.step(5), "frame is 5; give a frame of a run"),
        (lambda t: dk.plot.step(t), "frame is Trace.*; give a frame of a run, such as trace"),
        (lambda t: dk.plot.scores(None), "frame is None"),
        (lambda t: dk.plot.losses(5), "trace is 5; give a Trace"),
        (lambda t: dk.plot.losses("data/chin"), "trace is 'data/chin'"),
        (lambda t: dk.plot.filmstrip([t[0]]), "trace is .*; give a Trace"),
        (lambda t: dk.plot.filmstrip(t, m=3), "filmstrip: .*'m'.*; it takes trace, n"),
        (lambda t: dk.plot.losses(), "losses: missing .*'trace'; it takes trace"),
        (lambda t: dk.plot.confidence(t[0]), "trace is .*; give a Trace"),
        (lambda t: dk.plot.compare(t), "traces is .*; give a list of runs"),
        (lambda t: dk.plot.compare([t, 5]), "run 1 is 5; give a Trace"),
        (lambda t: dk.plot.compare([t, t], names="ab"), "names is 'ab'; give a list of texts"),
        (lambda t: dk.plot.compare([t], names=[5]), "a name is 5; give a text"),
        (lambda t: dk.plot.ablation([t]), "runs is .*; give runs by name"),
        (lambda t: dk.plot.ablation({"a": 5}), "run 'a' is 5; give a Trace"),
        (lambda t: dk.plot.features(5), "views is 5; give a view, or a list"),
        (lambda t: dk.plot.features([5]), r"views\[0\] is 5; give what a model shows"),
        (lambda t: dk.plot.images(5), "named is 5; give a dict of name and image"),
        (lambda t: dk.plot.images({"a": t[0].image}, axes_in=5), "axes_in is 5; give a text"),
        (lambda t: dk.plot.curves([1, 2], "x", "y"), r"named is \[1, 2\]; give a dict"),
        (lambda t: dk.plot.curves({"a": [1]}, 5, "y"), "x is 5; give a text"),
        (lambda t: dk.plot.curves({"a": [1]}, "x"), "curves: missing .*'y'"),
        (lambda t: dk.plot.maps(np.eye(2)), r"named is .*; give maps \(h w\) by name"),
        (lambda t: dk.plot.learning(5, 5, 5), "view is 5; give what a model shows"),
        (lambda t: draw_frame(5), "frame is 5; give a frame"),
        (lambda t: draw_frame(t[0], colour="red"), "draw_frame: .*'colour'.*; it takes frame, pa"),
    ],
)
def test_another_kind_of_thing_is_named(trace, call, message):
    with pytest.raises(TypeError, match=message):
        call(trace)


def test_numbers_of_every_library_can_be_drawn(trace):
    dk.plot.filmstrip(trace, np.int64(2))
    dk.plot.confidence(trace, np.int64(1))
    dk.plot.scores(trace[1], torch.tensor(1))
    draw_frame(trace[1], trace.path(1).tolist(), np.int32(1), size=np.int64(64))
    curves = {
        "reversed": np.arange(3)[::-1],
        "tensors": [torch.tensor(1.0), torch.tensor([2.0]).squeeze(), torch.tensor(3)],
        "half": torch.ones(3, dtype=torch.bfloat16, requires_grad=True),
        "unknown": [1, np.nan, np.inf],
        "column": [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])],
    }
    lines = dk.plot.curves(curves, "x", "y", at=torch.arange(3)).axes[0].lines
    assert lines[0].get_ydata().tolist() == [2, 1, 0]
    assert lines[4].get_ydata().tolist() == [1, 2, 3]
    dk.plot.maps({"rows": [torch.ones(2), torch.zeros(2)], "flipped": np.eye(2)[::-1, ::-1]})
    dk.plot.images({"flipped": trace[0].image[::-1, ::-1], "wide": trace[0].image.astype(int)})


@pytest.fixture(scope="module")
def stable():
    model = dk.load("toy")
    edit = dk.Edit([(64, 85), (32, 36)], [(74, 80), (38, 36)])
    method = dk.methods.stabledrag("paper") | {
        "lr": 0.5,
        "steps": 8,
        "trust": lambda first: first * 0 + 0.98,
    }
    return dk.Trace(dk.drag(model, model.sample(0), edit, **method))


def test_all_maps_on_one_scale_with_their_names(stable):
    many = dk.plot.scores(stable[4], 1).axes[:3]
    assert [axes.get_title().split(":")[0] for axes in many] == ["fused", "learned", "difference"]
    assert {image.get_clim() for axes in many for image in axes.images} == {(0, 1)}
    for axes, raw in zip(
        many[1:],
        (stable[4].step.track.maps["learned"][1], stable[4].step.track.maps["difference"][1]),
    ):
        assert f"{raw.max():.3g}" in axes.get_title()
        shown = axes.images[0].get_array()
        assert np.allclose(shown, (raw - raw.min()) / (raw.max() - raw.min()), atol=1e-5)


def test_the_timeline_shows_confidence_threshold_and_spans(stable):
    axes = dk.plot.confidence(stable, handle=0).axes[0]
    assert np.allclose(axes.lines[0].get_ydata(), [f.confidence[0] for f in stable])
    assert np.allclose(axes.lines[1].get_ydata(), 0.98)
    distrusted = sum(not f.trusted[0] for f in stable)
    assert sum(p.get_width() for p in axes.patches) == distrusted


def test_runs_beside_each_other_and_without_a_gate(stable, trace):
    far, sure, other = dk.plot.compare([stable, trace], ["a", "b"], handle=1).axes
    runs = [line for line in far.lines if line.get_label() in ("a", "b")]
    assert len(runs) == 2 and len(far.lines) == 4, "and each one's stop distance"
    assert np.allclose(runs[1].get_ydata(), [f.distance[1] for f in trace])
    assert (len(sure.lines), len(other.lines)) == (2, 1), "a threshold for one of them"
    assert not dk.plot.confidence(trace).axes[0].patches


def test_features_keep_their_colours_along_a_run(stable):
    model = dk.load("toy")
    views = [model.view(stable[i].latent) for i in (0, 8)]
    together = dk.plot.features(views, ["start", "end"]).axes
    assert [axes.get_title() for axes in together] == ["start", "end"]
    assert together[0].images[0].get_extent() == [-0.5, 127.5, 127.5, -0.5]
    corner = [axes.images[0].get_array()[0, 0] for axes in together]
    assert (corner[0] == corner[1]).all(), "the background has not moved"
    alone = dk.plot.features(views[0])
    alone.draw_without_rendering()
    title = alone._suptitle.get_window_extent()
    assert len(alone.axes) == 1 and title.x0 >= 0 and title.x1 <= alone.bbox.width, (
        "the title is not cut"
    )


@pytest.fixture(scope="module")
def shortened(trace):
    """The run of `trace` under three numbers of steps: all of it, half of it, only the start."""
    return {"all": trace, "half": dk.Trace(trace.frames[:5]), "none": dk.Trace(trace.frames[:1])}


def test_an_ablation_shows_the_start_and_how_each_run_ended(shortened, trace):
    figure = dk.plot.ablation(shortened)
    start, full, half, none = figure.axes
    far = trace[4].distance.max()
    assert start.get_title() == "start"
    assert half.get_title() == f"half\n4 steps, still {far:.1f} px away"
    assert none.get_title().startswith("none\n0 steps, still ")
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert np.array_equal(shown[0], shown[3]) and not np.array_equal(shown[0], shown[1])
    assert np.array_equal(shown[2], np.asarray(draw_frame(trace[4], bold=1.5))), (
        "the last image, its points and targets"
    )
    assert full.images[0].get_extent() == [-0.5, 127.5, 127.5, -0.5]
    assert figure._repr_jpeg_().startswith(b"\xff\xd8")


def test_an_ablation_says_when_a_run_arrived():
    model = dk.load("toy")
    run = dk.Trace(
        dk.drag(
            model,
            model.sample(0),
            dk.Edit([(64, 85)], [(68, 85)]),
            **dk.methods.draggan() | {"lr": 0.5},
        )
    )
    assert run.why() == f"arrived after {run[-1].index} steps"
    assert dk.plot.ablation({"toy": run}).axes[1].get_title() == f"toy\n{run.why()}"


@pytest.mark.parametrize(("runs", "across", "down"), [(1, 2, 1), (6, 7, 1), (7, 4, 2), (8, 5, 2)])
def test_more_than_six_runs_take_two_rows(trace, runs, across, down):
    figure = dk.plot.ablation({f"run {i}": trace for i in range(runs)})
    assert len(figure.axes) == runs + 1
    assert figure.axes[0].get_gridspec().get_geometry() == (down, across)
    figure.draw_without_rendering()
    sizes = {tuple(axes.get_position().bounds[2:]) for axes in figure.axes}
    assert np.ptp([*sizes], axis=0).max() < 1e-3, "all images are of one size"


def other_run(seed=0, targets=((74, 80), (38, 36)), mask=None):
    model, edit = dk.load("toy"), dk.Edit([(64, 85), (32, 36)], targets, mask)
    return dk.Trace(
        dk.drag(model, model.sample(seed), edit, **dk.methods.draggan() | {"steps": 0})
    )


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (lambda t: {}, "there is no run"),
        (lambda t: {"a": t, "b": dk.Trace()}, "the run 'b' is empty"),
        (
            lambda t: {"a": t, "b": other_run(targets=[(74, 80), (38, 37)])},
            "'a' and 'b' began with different targets",
        ),
        (
            lambda t: {"a": t, "b": other_run(mask=np.eye(128))},
            "'a' and 'b' began with different mask",
        ),
        (
            lambda t: {"a": t, "b": t, "c": other_run(seed=1)},
            "'a' and 'c' began with different images",
        ),
    ],
)
def test_an_ablation_drags_one_edit_of_one_image(trace, runs, message):
    with pytest.raises(ValueError, match=message):
        dk.plot.ablation(runs(trace))
    dk.plot.ablation({"a": trace, "b": other_run()})


def test_images_stand_side_by_side_on_axes_of_their_own_pixels():
    figure = dk.plot.images(
        {"tensor": torch.rand(3, 8, 6), "array": np.zeros((4, 4, 3), np.uint8)}
    )
    assert [axes.get_title() for axes in figure.axes] == ["tensor", "array"]
    assert [axes.images[0].get_array().shape for axes in figure.axes] == [(8, 6, 3), (4, 4, 3)]
    assert figure.axes[0].get_ylabel() == "y (px)" and all(
        axes.get_xlabel() == "x (px)" for axes in figure.axes
    )
    enlarged = dk.plot.images({"twice": Image.new("RGB", (12, 16))}, side=8).axes[0]
    assert enlarged.images[0].get_extent() == [-0.5, 5.5, 7.5, -0.5]  # still six by eight
    with pytest.raises(ValueError, match="there are no images to show"):
        dk.plot.images({})
    with pytest.raises(
        ValueError, match=r"'flat' has shape \(8, 6\); an image is a tensor \(3 H W\)"
    ):
        dk.plot.images({"flat": torch.rand(8, 6)})


@pytest.mark.parametrize("stride", [1, 2])
def test_a_score_window_with_a_stride_lies_where_it_was_read(trace, stride):
    """A step whose best score is two cells to the right of the middle is ringed two strides to the
    right.
    """
    scores = torch.zeros(1, 7, 7)
    scores[0, 3, 5] = 1
    step = trace[0].step
    centre = torch.tensor([[20.0, 30.0]])
    track = replace(step.track, scores=scores, maps={}, window_centre=centre, stride=stride)
    frame = replace(trace[0], step=replace(step, track=track))
    axes = dk.plot.scores(frame).axes[0]
    assert axes.get_xlim() == (20 - 3.5 * stride, 20 + 3.5 * stride)
    assert [line.get_xydata().tolist() for line in axes.lines if line.get_label() == "best"] == [
        [[20 + 2 * stride, 30]]
    ]


def test_curves_and_maps_by_name():
    axes = dk.plot.curves(
        {"a": [1, 2], "b": torch.tensor([3.0, 4])}, x="step", y="error (px)"
    ).axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "b"] and list(
        axes.lines[1].get_ydata()
    ) == [3, 4]
    left, right, bar = dk.plot.maps(
        {"a": torch.zeros(2, 3), "b": torch.ones(2, 3)}, unit="L2"
    ).axes
    assert (
        left.images[0].get_clim() == right.images[0].get_clim() == (0, 1)
        and bar.get_ylabel() == "L2"
    )
    cut = dk.plot.maps({"a": torch.zeros(2, 3)}, corner=(10, 20)).axes[0]
    assert cut.get_xlim() == (9.5, 12.5) and cut.get_ylim() == (21.5, 19.5)
    with pytest.raises(ValueError, match="no curve to draw"):
        dk.plot.curves({}, x="step", y="")
    with pytest.raises(ValueError, match="by name"):
        dk.plot.maps({"a": torch.zeros(3)})


def test_curves_of_another_length_than_their_places_are_named():
    with pytest.raises(
        ValueError, match=r"at has 2 places, but there are curves of other lengths: {'b': 3}"
    ):
        dk.plot.curves({"a": [1, 2], "b": [1, 2, 3]}, x="step", y="px", at=[0, 5])


def test_an_inversion_without_iterations_has_no_curves():
    model = dk.load("toy")
    target = model.finish(model.sample(1))
    found = dk.Inversion(model, model.sample(0), target)
    *images, difference = dk.plot.inversion(found).axes
    assert [axes.get_title() for axes in images] == ["target", "found, PSNR not measured"]
    assert difference.get_title() == "difference x 4"


def written(figure) -> list[str]:
    """Every text of a figure, its axes' numbers included."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("losses", [(0.4, 0.06, 0.05), (0.04,), (3e5, 2.0, 1e-7)])
def test_numbers_on_a_logarithmic_axis_are_no_formulas(losses):
    model = dk.load("toy")
    latent = model.sample(1)
    curves = {"losses": {"search": losses}, "psnrs": {"search": (20.0,) * len(losses)}}
    found = dk.Inversion(model, latent, model.finish(latent), 20.0, **curves)
    texts = written(dk.plot.inversion(found))
    assert "loss (dashed)" in texts
    assert not [text for text in texts if "$" in text or "\\" in text]
