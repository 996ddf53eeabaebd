"""Every shape's closed form is checked against a march along each ray, and its normal too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit.worlds import Scene, render, shapes
from dragkit.worlds.parts import turning
from dragkit.worlds.renderer import nearest

ANGLES = st.sampled_from([0, 90, 180]) | st.floats(-180, 180)
UPRIGHT = np.eye(3)
SHEAR = np.array([[1, 0.4, 0], [0, 1, 0], [0, 0, 1]])
MARCH = np.linspace(1.5, -1.5, 1501)  # world z, from the viewer on


def scene_of(kind, round_=0.3, axes=(0.4, 0.3, 0.2), turn=UPRIGHT, **changes):
    one = {
        "centre": np.zeros((1, 3)),
        "axes": np.array([axes], float),
        "rotation": turn[None],
        "colour": np.ones((1, 3)),
        "gloss": np.zeros(1),
        "light": (0, 0, 1),
        "background": lambda x, y: np.zeros((*np.broadcast(x, y).shape, 3)),
        "shape": (kind,),
        "rounding": [round_],
    }
    return Scene(**one | changes)


def outside(scene, world):
    """How far points (…, 3) are outside, in own coordinates; negative or 0 inside."""
    flat = world.reshape(-1, 3)
    x, y, z = scene.own(np.zeros(len(flat), int), flat).T
    if scene.shape[0] == "cylinder":
        far = np.maximum(np.hypot(x, y), np.abs(z)) - 1
    else:
        beyond = [np.maximum(np.abs(u) - scene.core()[0], 0) for u in (x, y, z)]
        far = np.sqrt(sum(np.square(beyond))) - (1 - scene.core()[0])
    return far.reshape(world.shape[:-1])


@st.composite
def scenes(draw):
    shape = draw(st.sampled_from(shapes.SHAPES))
    rotation = turning(*(draw(ANGLES) for _ in range(3)))
    if shape != "ellipsoid" and draw(st.booleans()):
        rotation = rotation @ SHEAR
    axes = [draw(st.floats(0.1, 0.6)) for _ in range(3)]
    return scene_of(shape, draw(st.floats(0.05, 1)), axes, rotation)


def rays(seed, count=60):
    return np.random.RandomState(seed).uniform(-0.8, 0.8, (2, count))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scenes(), st.integers(0, 99))
def test_a_ray_meets_a_shape_where_a_march_does(scene, seed):
    x, y = rays(seed)
    index, z = nearest(scene, x, y)
    ways = np.stack(np.broadcast_arrays(x[:, None], y[:, None], MARCH), -1)
    inside = outside(scene, ways) <= 0
    met = inside.any(1)
    assert (index[met] == 0).all()
    assert np.abs(MARCH[inside.argmax(1)] - z)[met].max(initial=0) <= 0.0021  # a step
    # What the march has stepped over is on the surface all the same.
    hit = index == 0
    assert np.abs(outside(scene, np.stack([x, y, z], 1)[hit])).max(initial=0) < 1e-5


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scenes(), st.integers(0, 99))
def test_nothing_is_hit_outside_of_the_extent_which_is_tight(scene, seed):
    x, y = rays(seed, 4000)
    hit = nearest(scene, x, y)[0] == 0
    width, height = scene.extent()[0]
    assert np.abs(x[hit]).max(initial=0) <= width + 1e-9
    assert np.abs(y[hit]).max(initial=0) <= height + 1e-9
    edge = scene.world(np.zeros(600, int), _surface_points(scene))
    assert np.abs(edge[:, 0]).max() > 0.9 * width
    assert np.abs(edge[:, 1]).max() > 0.9 * height


def _surface_points(scene):
    """Own coordinates (600, 3), those of flat ends and rims among them."""
    u = np.random.RandomState(0).randn(600, 3)
    if scene.shape[0] == "cylinder":
        rim = u[:, :2] / np.linalg.norm(u[:, :2], axis=1, keepdims=True)
        return np.concatenate([rim, np.sign(u[:, 2:])], 1)
    ball = u / np.linalg.norm(u, axis=1, keepdims=True)
    return np.sign(u) * scene.core() + (1 - scene.core()) * ball


@settings(max_examples=40, deadline=None, derandomize=True)
@given(scenes(), st.integers(0, 99))
def test_brightness_follows_the_slope_of_the_surface(scene, seed):
    """Lit from the viewer, Lambert's term is n_z, which the depths beside a point give, too."""
    h = 1e-6
    size = 48
    lit = render(scene, size, supersample=1)
    row, column = np.nonzero(lit.index == 0)
    x, y = ((k + 0.5) / size * 2 - 1 for k in (column, row))
    z, right, left, down, up = (
        nearest(scene, x + dx, y + dy)[1] for dx, dy in [(0, 0), (h, 0), (-h, 0), (0, h), (0, -h)]
    )
    smooth = np.isfinite(right + left + down + up)
    with np.errstate(invalid="ignore"):
        dx, dy = (right - left) / (2 * h), (down - up) / (2 * h)
        smooth &= np.abs(right + left - 2 * z) + np.abs(down + up - 2 * z) < 1e-8
        n_z = 1 / np.sqrt(1 + dx**2 + dy**2)
        expected = 0.46 + 0.1 * dy * n_z + 0.64 * n_z
    seen = lit.image[0, row, column]
    fair = smooth & (n_z > 0.2)
    assert np.abs(seen - np.minimum(expected, 1))[fair].max(initial=0) < 2e-3


def test_a_box_of_rounding_1_is_the_ellipsoid():
    turn = turning(25, 40, -30)
    x, y = rays(0, 500)
    ball = nearest(scene_of("ellipsoid", turn=turn), x, y)[1]
    box = nearest(scene_of("box", round_=1, turn=turn), x, y)[1]
    hit = np.isfinite(ball)
    assert np.array_equal(hit, np.isfinite(box)) and hit.sum() > 50
    assert np.allclose(ball[hit], box[hit])


def test_a_face_seen_straight_on_is_flat_and_a_wheel_is_round():
    box = render(scene_of("box", 0.25), 128)
    y, x = (np.indices((128, 128)) + 0.5) / 64 - 1
    face = (np.abs(x) < 0.75 * 0.4) & (np.abs(y) < 0.75 * 0.3)
    assert np.allclose(box.depth[face], 0.2)
    wheel = render(scene_of("cylinder", axes=(0.5, 0.5, 0.1)), 128)
    assert np.array_equal(wheel.index == 0, np.hypot(x, y) <= 0.5)
    assert np.allclose(wheel.depth[wheel.index == 0], 0.1)


def test_shapes_are_ellipsoids_unless_said_otherwise():
    scene = scene_of("ellipsoid", shape=(), rounding=())
    assert scene.shape == ("ellipsoid",) and scene.rounding.shape == (1,)


@pytest.mark.parametrize(
    "changes, says",
    [
        (
            {"shape": ("ball",)},
            r"shape is \('ball',\); give a list of 1 names of ellipsoid, box, cylinder",
        ),
        ({"shape": ("box", "box")}, "give a list of 1 names"),
        ({"rounding": [0]}, "rounding has the value 0; give numbers above 0 and up to 1"),
        ({"rounding": [1.5]}, "rounding has the value 1.5"),
        ({"rounding": [0.1, 0.2]}, r"rounding has shape \(2,\)"),
        ({"shape": 3}, "shape is 3; give a list of 1 names"),
        ({"shape": (3,)}, r"shape is \(3,\); give a list of 1 names"),
        ({"shape": "box"}, "shape is 'box'; give a list of 1 names"),
    ],
)
def test_bad_shapes_are_named(changes, says):
    with pytest.raises(ValueError, match=says):
        scene_of("box", **changes)


def test_axes_that_lie_in_a_plane_are_named():
    flat = np.array([[1.0, 1, 0], [0, 0, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="rotation of part 0 has columns that lie in a plane"):
        scene_of("box", turn=flat)
