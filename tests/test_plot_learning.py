"""The figure of a filter being learned, and the recorded run that comes with the package."""

import numpy as np
import pytest
import torch
from matplotlib.text import Text

import dragkit as dk
from dragkit.models import zoo

TOY = dk.load("toy")
LATENT = TOY.sample(0)
EDIT = dk.Edit(LATENT[:2], LATENT[:2] + 8)


@pytest.mark.parametrize(("solver", "moments"), [("adam", [0, 3, 9]), ("ridge", [0, 1])])
def test_the_maps_are_the_filters_of_the_moments_above_them(solver, moments):
    view = TOY.view(LATENT)
    memory = dk.Discriminative(solver=solver, iterations=9).start(view, EDIT)
    *maps, curve = [
        a
        for a in dk.plot.learning(view, memory, EDIT, handle=1, n=3).axes
        if a.get_label() != "<colorbar>"
    ]
    assert [int(a.get_title().split()[1].strip(",")) for a in maps] == moments
    for axes, moment in zip(maps, moments, strict=True):
        scores = torch.einsum("chw,c->hw", view.features, memory.history[moment, 1])
        np.testing.assert_allclose(
            axes.images[0].get_array(), scores / scores.max(), rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(curve.lines[0].get_ydata(), memory.losses[:, 1])


def test_what_cannot_be_drawn_is_reported():
    view = TOY.view(LATENT)
    memory = dk.Discriminative(iterations=2).start(view, EDIT)
    with pytest.raises(ValueError, match="handle is 2; give a whole number from 0 to 1"):
        dk.plot.learning(view, memory, EDIT, handle=2)
    with pytest.raises(ValueError, match="Template holds no learned filters"):
        dk.plot.learning(view, dk.NearestNeighbor().start(view, EDIT), EDIT)
    with pytest.raises(ValueError, match="shape .*; this edit and view need"):
        dk.plot.learning(view, memory, dk.Edit(LATENT[:1], LATENT[:1] + 8))
    with pytest.raises(ValueError, match="n is 0"):
        dk.plot.learning(view, memory, EDIT, n=0)


def test_the_recorded_run_can_be_inspected_and_continued():
    path = zoo.bundled("eye")
    assert path.stat().st_size + path.with_suffix(".json").stat().st_size < 1_000_000
    trace = dk.Trace.load(path)
    assert trace.why() == "arrived after 56 steps"
    assert not all(f.trusted.all() for f in trace) and set(trace[3].step.track.maps) == {
        "learned",
        "difference",
    }
    model, method = (
        dk.load("lion", device="cpu"),
        dk.methods.stabledrag()
        | {
            "lr": 3e-3,
            "arrive": 1.0,
            "steps": 9,
        },
    )
    steps = list(dk.drag(model, trace[0].latent, trace[0].edit, **method, resume=trace[2]))
    # other processors round differently
    torch.testing.assert_close(steps[-1].points, trace[3].points, atol=1.5, rtol=0)
    with pytest.raises(ValueError, match="is a recorded run"):
        dk.load("eye")


def test_the_losses_have_plain_numbers():
    view = TOY.view(LATENT)
    memory = dk.Discriminative(iterations=9).start(view, EDIT)
    figure = dk.plot.learning(view, memory, EDIT, n=3)
    figure.draw_without_rendering()
    assert not [text.get_text() for text in figure.findobj(Text) if "$" in text.get_text()]
