"""What is drawn in pieces looks like what is drawn at once."""

import io

import ipycanvas.canvas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import dragkit as dk
from dragkit import compose as c
from dragkit.compose.chart_marks import BLOCK
from dragkit.compose.marks import BLACK, PATH, disc
from dragkit.compose.strokes import PIECE, draw_path
from dragkit.methods import draggan
from dragkit.models.toy import Toy


def drawn_at_once(size, places, unit):
    canvas = Image.new("RGB", size, (90, 120, 150))
    draw = ImageDraw.Draw(canvas)
    for colour, width in ((BLACK, round(4.5 * unit)), (PATH, round(2.5 * unit))):
        if len(places) > 1:
            draw.line([tuple(p) for p in places.tolist()], colour, width, joint="curve")
    for colour, radius in ((BLACK, 4 * unit), (PATH, 3 * unit)):
        disc(draw, places[0], radius, colour)
    return np.asarray(canvas)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.sampled_from([1, 2, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 150]),
    stride=st.sampled_from([0.3, 4.0, 60.0]),
    unit=st.sampled_from([1.0, 1.7, 2.0, 4.0]),
    whole=st.booleans(),
)
def test_a_path_in_pieces_is_the_path_to_the_bit(seed, count, stride, unit, whole):
    random = np.random.default_rng(seed)
    places = 100 + random.normal(0, stride, (count, 2)).cumsum(0)
    if whole:
        places = places.round()
    canvas = Image.new("RGB", (230, 170), (90, 120, 150))
    draw_path(canvas, places, unit)
    assert (np.asarray(canvas) == drawn_at_once(canvas.size, places, unit)).all()

    anew = Image.new("RGB", canvas.size, (90, 120, 150))
    draw_path(anew, places, unit, again=False)
    assert (np.asarray(anew) == np.asarray(canvas)).all()


@pytest.fixture(scope="module")
def trace():
    toy = Toy()
    edit = dk.Edit(toy.sample(0)[:1], toy.sample(0)[:1] + 20)
    method = draggan() | {"lr": 0.3, "steps": 12, "losses": (dk.ShiftedPatchLoss(12),)}
    return dk.Trace(dk.drag(toy, toy.sample(0), edit, **method))


def as_on_a_page(canvas, image):
    """`image` with everything drawn over it that is sent to the canvas from now on."""
    page = image.copy()

    def send(parts):
        for (left, right), content in parts.items():
            part = Image.open(io.BytesIO(content))
            assert part.size == (right - left, page.height)
            page.paste(part, (left, 0))

    canvas._send = send
    return page


def test_a_step_on_the_curves_is_marked_by_sending_a_few_columns(trace, monkeypatch):
    player = dk.Player(trace)
    player.seek(2)
    chart = player.view.chart
    pages = [as_on_a_page(*pair) for pair in zip(chart.canvases, panels_of(chart, 2))]
    assert len(pages) == len(chart.panels) > 1
    for canvas in chart.canvases:
        monkeypatch.setattr(canvas, "show_image", lambda _: pytest.fail("all of it was sent"))
    for position in (9, 3, 4, 12, 0):
        player.seek(position)
        for page, panel in zip(pages, panels_of(chart, position)):
            difference = np.abs(np.asarray(page, int) - np.asarray(panel, int))
            assert difference.mean() < 0.5, "JPEG's own"
            assert np.median(difference.max((0, 2))) == 0, "most columns were not sent"

    for canvas, page in zip(chart.canvases, pages):
        again = as_on_a_page(canvas, Image.new("RGB", page.size))
        canvas._send_all()
        assert np.abs(np.asarray(again, int) - np.asarray(page, int)).mean() < 1, "a reloaded page"


def panels_of(chart, step):
    """The panels with a step marked, each as an image."""
    whole = chart.image(step, wide=True)
    width = whole.width // len(chart.panels)
    return [
        whole.crop((i * width, 0, (i + 1) * width, whole.height)) for i in range(len(chart.panels))
    ]


def test_a_step_is_one_message_however_many_panels_there_are(trace, monkeypatch):
    messages = []
    manager = ipycanvas.canvas._CANVAS_MANAGER
    monkeypatch.setattr(manager, "send", lambda *content, **_: messages.append(content))
    player = dk.Player(trace)
    messages.clear()
    player.view.chart.show(3)
    assert len(player.view.chart.panels) > 1 and len(messages) == 1


def test_the_marks_of_a_step_are_in_its_columns(trace):
    player = dk.Player(trace)
    chart = player.view.chart
    for step in (0, 5, 12):
        marked = np.asarray(chart.image(step, wide=True), int)
        changed = (marked != np.asarray(chart.sheet)).any((0, 2)).nonzero()[0]
        columns = chart.marks.columns(step)
        assert all(left % BLOCK == right % BLOCK == 0 for left, right in columns)
        assert all(any(left <= x < right for left, right in columns) for x in changed)
        for left, right in columns:
            part = chart.marks.part(chart.sheet, step, (left, right))
            assert (np.asarray(part) == marked[:, left:right]).all()


def test_a_run_that_has_ended_keeps_its_dot():
    panels = [
        c.Panel("d", {"a": ([0, 1, 2], [3.0, 2.0, 1.0]), "b": (list(range(30)), [1.0] * 30)})
    ]
    marks = c.ChartMarks.on(panels, (400, 100))
    sheet = c.chart(panels, None, (400, 100))
    marked = np.asarray(marks.drawn(sheet, 25), int)
    changed = (marked != np.asarray(sheet)).any((0, 2)).nonzero()[0]
    assert all(any(left <= x < right for left, right in marks.columns(25)) for x in changed)
    assert np.ptp(changed) > 300, "one dot at step 2, the others at step 25"


def test_a_step_on_is_one_piece_of_each_panel(trace, monkeypatch):
    player = dk.Player(trace)
    player.view.chart.show(5)
    sent = []
    for canvas in player.view.chart.canvases:
        monkeypatch.setattr(canvas, "_send", lambda parts: sent.append(list(parts)))
    player.view.chart.show(6)
    assert [len(parts) for parts in sent] == [1] * len(player.view.chart.panels)
    sent.clear()
    player.view.chart.show(0)
    assert all(len(parts) == 2 for parts in sent), "far apart: what lies between is not sent"
