"""Zooming into an image: what is shown, where the mouse is in it, and how it is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dragkit as dk
from dragkit import compose as c
from dragkit.compose import Viewport

METHOD = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 4}
MASK = np.ones((128, 128))
MASK[:, :64] = 0
EDIT = dk.Edit([(80, 85)], [(90, 80)], MASK)
NOISE = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)

sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))
factors = st.floats(0.01, 100)
shares = st.tuples(st.floats(0, 1), st.floats(0, 1))
heights = st.integers(16, 2048)


@st.composite
def viewports(draw):
    """What some turns of the wheel and some pulls lead to."""
    viewport = Viewport(draw(sizes))
    for _ in range(draw(st.integers(0, 3))):
        viewport = viewport.zoomed(draw(factors), place_in(viewport, draw(shares)))
        viewport = viewport.moved(draw(st.floats(-900, 900)), draw(st.floats(-900, 900)))
    return viewport


def place_in(viewport, share):
    """The place (x, y) at a share of the part's width and height."""
    left, top, right, bottom = viewport.box
    return left + share[0] * (right - left) - 0.5, top + share[1] * (bottom - top) - 0.5


@given(viewports(), shares, heights)
def test_canvas_and_image_are_each_others_inverse(viewport, share, height):
    place = place_in(viewport, share)
    on_canvas = viewport.to_canvas(place, height)
    assert viewport.to_image(*on_canvas, height) == pytest.approx(place, abs=1e-6)
    across, down = viewport.extent
    width = height * across / down
    assert on_canvas == pytest.approx((share[0] * width, share[1] * height), abs=1e-6 * height)


@given(viewports())
def test_a_part_is_inside_its_image_and_has_its_shape(viewport):
    height, width = viewport.size
    left, top, right, bottom = viewport.box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert 1 <= viewport.zoom <= viewport.most
    assert (right - left) / width == pytest.approx((bottom - top) / height)


@given(viewports(), shares, factors)
def test_what_is_magnified_stays_under_the_mouse_unless_the_image_ends_there(
    viewport, share, factor
):
    place = place_in(viewport, share)
    closer = viewport.zoomed(factor, place)
    free = [low > 0 and high < side for low, high, side in ends(closer)]
    before, after = viewport.to_canvas(place, 1), closer.to_canvas(place, 1)
    for i in range(2):
        if free[i] or factor >= 1:
            assert after[i] == pytest.approx(before[i], abs=1e-6)


def ends(viewport):
    """Of the part, and the image's side, across and down."""
    left, top, right, bottom = viewport.box
    height, width = viewport.size
    return (left, right, width - 1e-9), (top, bottom, height - 1e-9)


@given(viewports(), shares)
def test_a_place_out_of_sight_is_shown_and_what_is_in_sight_moves_nothing(viewport, share):
    height, width = viewport.size
    place = share[0] * width - 0.5, share[1] * height - 0.5
    left, top, right, bottom = viewport.showing(place).box
    assert left - 1e-6 <= place[0] + 0.5 <= right + 1e-6
    assert top - 1e-6 <= place[1] + 0.5 <= bottom + 1e-6
    assert viewport.showing(place_in(viewport, (0.5, 0.5))) == viewport


@settings(max_examples=30, deadline=None)
@given(zoom=st.sampled_from([2, 4, 8]), x=st.integers(0, 64), y=st.integers(0, 64))
def test_a_part_is_drawn_as_if_the_whole_were_larger(zoom, x, y):
    """To the bit, where its pixels are whole ones: the mask's line too, off its border."""
    size = 128
    viewport = Viewport((128, 128), zoom, (min(x, 128 - 128 // zoom), min(y, 128 - 128 // zoom)))
    part = np.asarray(c.draw_overlay(NOISE, size=size, viewport=viewport))
    left, top = (zoom * side * size // 128 for side in viewport.corner)
    pixels = NOISE.repeat(zoom, 0).repeat(zoom, 1)
    assert (part == pixels[top : top + size, left : left + size]).all()


def test_a_part_of_a_fine_image_is_smooth():
    fine = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    viewport = Viewport((256, 256), 2, (64, 32))
    part = np.asarray(c.draw_overlay(fine, size=256, viewport=viewport))
    whole = np.asarray(c.draw_overlay(fine, size=512))
    assert (part == whole[64 : 64 + 256, 128 : 128 + 256]).all()


def test_marks_keep_their_size_and_are_where_their_place_is_shown():
    grey = np.full((128, 128, 3), 128, np.uint8)
    viewport = Viewport((128, 128), 8, (56, 56))
    points = np.array([[60.0, 66.0]])
    part = np.asarray(c.draw_overlay(grey, points, size=384, viewport=viewport), int)
    x, y = viewport.to_canvas(points[0], 384)
    moved = np.array([[x, y]]) / 3 - 0.5  # where the same dot is on a whole image
    whole = np.asarray(c.draw_overlay(grey, moved, size=384), int)
    assert (part == whole).all() and (part != 128).any()


def test_a_window_and_a_path_beyond_the_part_are_drawn_at_once():
    """However much is magnified, nothing larger than the canvas is made."""
    window = c.ScoreWindow(NOISE[:97, :97, 0].astype(float), np.array([64.0, 64.0]))
    path = np.linspace((0.0, 0.0), (127.0, 127.0), 200)[:, None]
    viewport = Viewport((128, 128), 16, (60, 60))
    drawn = c.draw_overlay(
        NOISE, path[-1], path[0], path=path, mask=MASK, window=window, viewport=viewport
    )
    under = c.window_cell_at(64, 64, window, viewport, path[0], 384)
    colour = c.score_colours(window.scores)[under][:3]
    x, y = viewport.to_canvas((64.3, 63.7), 384).round().astype(int)
    assert under == (48, 48) and drawn.size == (384, 384)
    assert (np.asarray(drawn)[y, x] == colour).all()


# --- the widgets


@pytest.fixture(scope="module")
def trace():
    toy = dk.load("toy")
    return dk.Trace(dk.drag(toy, toy.sample(0), EDIT, **METHOD))


def send(widget, event, place=(0, 0), **extra):
    """What the browser would send for the place (x, y) that the widget's image shows."""
    canvas = widget.view.canvas
    x, y = canvas.viewport.to_canvas(place, canvas.canvas.height)
    content = {"event": event, "x": x, "y": y} | extra
    canvas.canvas._handle_frontend_event(None, content, [])


def key(widget, name, shift=False):
    keys = {"key": name, "shift_key": shift, "ctrl_key": False, "meta_key": False}
    send(widget, "key_down", **keys)


def shown(widget):
    return widget.view.zoom.viewport


def test_keys_zoom_at_the_mouse_and_0_shows_the_whole(trace):
    player = dk.Player(trace)
    send(player, "mouse_move", (30, 40))
    where = shown(player).to_canvas((30, 40), 1)
    for _ in range(3):
        key(player, "+")
    assert shown(player).zoom == pytest.approx(1.5**3)
    assert shown(player).to_canvas((30, 40), 1) == pytest.approx(where)
    key(player, "-")
    assert shown(player).zoom == pytest.approx(1.5**2)
    assert player.at == len(trace) - 1
    key(player, "0")
    assert shown(player) == Viewport((128, 128))
    assert player.last_error is None


def test_the_wheel_zooms_at_the_mouse(trace):
    player = dk.Player(trace)
    send(player, "mouse_move", (30, 40))
    wheel = {"event": "mouse_wheel", "x": 0, "y": -300}
    player.view.canvas.canvas._handle_frontend_event(None, wheel, [])
    assert shown(player).zoom == 2
    assert shown(player).to_canvas((30, 40), 1) == pytest.approx([30.5 / 128, 40.5 / 128])
    player.view.canvas.canvas._handle_frontend_event(None, wheel | {"y": 9999}, [])
    assert shown(player).zoom == 1


def test_what_the_mouse_reads_is_what_is_shown_there(trace):
    player = dk.Player(trace)
    player.view.zoom.by(4, (80, 85))
    x, y = player.frame.step.search_centre[0].tolist()
    send(player, "mouse_move", (x, y))
    assert f"pixel ({x:g}, {y:g}): scores" in player.status.line.value


def test_the_magnified_window_stays_in_a_corner_and_is_read_there(trace):
    player = dk.Player(trace)
    player.view.zoom.by(2, (80, 85))
    corners = [(x, y) for x in (60, 708) for y in (60, 708)]
    read = []
    for corner in corners:
        send(player, "mouse_move", shown(player).to_image(*corner, 768))
        read.append("scores" in player.status.line.value)
    assert read.count(True) == 1
    x, y = corners[read.index(True)]
    window = np.s_[y - 20 : y + 20, x - 20 : x + 20]
    with_it = np.asarray(player.image(768))[window]
    player.view.layers.buttons["window"].value = False
    assert (np.asarray(player.image(768))[window] != with_it).any(-1).all()


def test_buttons_zoom_at_the_chosen_handle(trace):
    player = dk.Player(trace)
    closer, wider, fit = player.view.zoom.buttons
    assert wider.disabled and fit.disabled and not closer.disabled
    before = player.image().tobytes()
    for _ in range(20):
        closer.click()
    assert closer.disabled and fit.description == "16×"
    left, top, right, bottom = shown(player).box
    x, y = player.frame.points[0].tolist()
    assert left < x < right and top < y < bottom
    assert player.image().tobytes() != before
    fit.click()
    assert player.image().tobytes() == before
    assert player.last_error is None


def test_the_image_of_a_player_is_pulled_and_a_pickers_is_not(trace):
    player, picker = dk.Player(trace), dk.Picker(dk.load("toy"))
    for widget in (player, picker):
        widget.view.zoom.by(4, (64, 64))
        before = shown(widget)
        send(widget, "mouse_down", (64, 64))
        send(widget, "mouse_move", (66, 63))
        send(widget, "mouse_up", (66, 63))
        send(widget, "mouse_move", (70, 70))
        moved = np.subtract(shown(widget).corner, before.corner)
        assert moved == pytest.approx((-2, 1) if widget is player else (0, 0))
        assert widget.last_error is None
    assert picker.edit.targets.tolist() == [[66, 63]]


def test_shift_and_the_arrows_move_what_is_shown(trace):
    player = dk.Player(trace)
    player.view.zoom.by(4, (64, 64))
    left, top = shown(player).corner
    key(player, "ArrowRight", shift=True)
    key(player, "ArrowUp", shift=True)
    assert shown(player).corner == pytest.approx((left + 4, top - 4))
    assert player.at == len(trace) - 1
    key(player, "ArrowLeft")
    assert shown(player).corner == pytest.approx((left + 4, top - 4))


def test_a_point_is_grabbed_as_near_on_the_page_as_ever():
    picker = dk.Picker(dk.load("toy"), edit=dk.Edit([(64, 64)], [(90, 90)]))
    picker.view.zoom.by(8, (64, 64))
    send(picker, "mouse_down", (66, 64))  # 2 of its pixels are 48 on the page
    send(picker, "mouse_up", (66, 64))
    assert picker.draft.handles == [(64, 64), (66, 64)]
    send(picker, "mouse_down", (66.3, 64))
    assert picker.draft.handles == [(64, 64), (66, 64)]


def test_the_keyboards_cross_stays_in_sight():
    picker = dk.Picker(dk.load("toy"))
    picker.view.zoom.by(16, (10, 10))
    for _ in range(12):
        key(picker, "ArrowDown")
        left, top, right, bottom = shown(picker).box
        x, y = picker.view.cross
        assert left <= x + 0.5 <= right and top <= y + 0.5 <= bottom
    assert y > 18


def test_a_run_of_another_size_is_shown_whole(trace):
    rgb = np.zeros((64, 64, 3), np.uint8)
    player = dk.Player(None, blank=rgb)
    player.view.zoom.by(4)
    player.show(trace)
    assert shown(player) == Viewport((128, 128))
    player.view.zoom.by(4)
    player.show(trace)
    assert shown(player).zoom == 4


def test_curves_and_maps_do_not_zoom(trace):
    chart = dk.Player(trace).view.chart.canvases[0]
    wheel = {"event": "mouse_wheel", "x": 0, "y": -300}
    chart.canvas._handle_frontend_event(None, wheel, [])
    assert chart.viewport.zoom == 1
