"""The world's truth is checked against closed forms and rotations worked by hand."""

import math
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from dragkit.worlds import FACTORS, GEOMETRY, Lion, Meadow, Scene, motion, render
from dragkit.worlds.lion import LANDMARKS, turning
from dragkit.worlds.renderer import nearest, pixel_to_world, world_to_pixel

SIZE = 128


def black(x, y):
    return np.zeros((*np.broadcast(x, y).shape, 3))


def scene_of(*spheres, light=(0, 0, 1), axes=None, rotation=None, background=black):
    """Spheres (x, y, z, radius), white and matt; or ellipsoids, by `axes` and `rotation`."""
    n = len(spheres)
    rows = np.array(spheres, float)
    return Scene(
        centre=rows[:, :3],
        axes=np.repeat(rows[:, 3:], 3, axis=1) if axes is None else np.array(axes, float),
        rotation=np.stack([np.eye(3)] * n) if rotation is None else np.array(rotation, float),
        colour=np.ones((n, 3)),
        gloss=np.zeros(n),
        light=np.array(light, float),
        background=background,
    )


def pixel_grid(size=SIZE):
    y, x = pixel_to_world(np.indices((size, size)), size)
    return x, y


def at(landmarks, name):
    return landmarks.points[landmarks.names.index(name)]


def seen(landmarks, name):
    return landmarks.visible[landmarks.names.index(name)]


def test_pixels_and_world_are_inverse_and_the_image_spans_minus_one_to_one():
    assert world_to_pixel(-1, SIZE) == -0.5
    assert world_to_pixel(1, SIZE) == SIZE - 0.5
    assert np.allclose(world_to_pixel(pixel_to_world(np.arange(9), 9), 9), np.arange(9))


def test_sphere_has_its_closed_outline_and_depth():
    cx, cy, cz, radius = 0.2, -0.1, 0.3, 0.5
    drawn = render(scene_of((cx, cy, cz, radius)), SIZE)
    x, y = pixel_grid()
    squared = radius**2 - (x - cx) ** 2 - (y - cy) ** 2
    assert np.array_equal(drawn.index == 0, squared >= 0)
    inside = squared > 1e-4
    assert np.allclose(drawn.depth[inside], (cz + np.sqrt(np.abs(squared)))[inside], atol=1e-4)
    assert np.all(drawn.depth[squared < 0] == -np.inf)


def test_turned_ellipsoid_lies_on_its_own_surface():
    turn, axes = turning(25, 40, -30), np.array([0.6, 0.3, 0.2])
    scene = scene_of((0.1, 0.1, 0, 1), axes=[axes], rotation=[turn])
    x, y = (grid.ravel() for grid in pixel_grid())
    index, z = nearest(scene, x, y)
    on = index == 0
    own = (np.stack([x, y, z], 1)[on] - scene.centre[0]) @ turn / axes
    assert on.sum() > 500
    assert np.allclose((own**2).sum(1), 1)
    # The outline's half width is the reach of the bounding box.
    assert np.allclose(np.abs(x[on] - 0.1).max(), scene.extent()[0, 0], atol=2 / SIZE)


def test_shading_follows_the_normal():
    """Lit along an axis, a sphere's Lambert term is that coordinate of (p - centre) / radius."""
    light = np.array([1.0, 0, 1]) / np.sqrt(2)
    lit = render(scene_of((0, 0, 0, 0.8), light=light), SIZE, supersample=1)
    other = render(scene_of((0, 0, 0, 0.8), light=(0, 0, -1)), SIZE, supersample=1)
    x, y = pixel_grid()
    inside = x**2 + y**2 < 0.75**2
    z = np.sqrt(np.where(inside, 0.8**2 - x**2 - y**2, 0))
    facing = np.maximum((x * light[0] + z * light[2]) / 0.8, 0)
    # Only where neither image is cut off at white.
    fair = inside & (lit.image[0] < 0.99)
    slope = (lit.image[0] - other.image[0])[fair] / np.maximum(facing[fair], 1e-9)
    clear = facing[fair] > 0.1
    assert clear.sum() > 500
    assert np.ptp(slope[clear]) < 1e-3


def test_nearer_sphere_hides_the_farther_whatever_their_order():
    near, far = (0, 0, 0.5, 0.3), (0, 0, -0.5, 0.6)
    middle, side = (64, 64), (64, 64 + 30)
    for spheres, front in (((near, far), 0), ((far, near), 1)):
        index = render(scene_of(*spheres), SIZE).index
        assert index[middle] == front
        assert index[side] == 1 - front


def test_outside_the_image_nothing_is_drawn():
    drawn = render(scene_of((3, 0, 0, 0.5), (0.95, 0, 0, 0.2)), 32)
    assert set(np.unique(drawn.index)) == {-1, 1}


def test_image_is_float32_in_0_to_1():
    drawn = Lion.sample(3).render(48)
    assert drawn.image.shape == (3, 48, 48) and drawn.image.dtype == np.float32
    assert drawn.index.shape == drawn.depth.shape == (48, 48)
    assert drawn.image.min() >= 0 and drawn.image.max() <= 1


def test_supersampling_softens_the_edge_only():
    scene = scene_of((0, 0, 0, 0.5))
    rough, soft = (render(scene, SIZE, supersample).image[0] for supersample in (1, 4))
    assert set(np.unique(rough > 0.4)) == {False, True}
    x, y = pixel_grid()
    edge = np.abs(np.hypot(x, y) - 0.5) < 2 / SIZE
    assert np.abs(rough - soft)[~edge].max() < 0.05


def test_yaw_turns_a_landmark_as_by_hand():
    """About the head's centre, x' = x cos(yaw) + z sin(yaw): the nose has x = 0, so it shows z."""
    straight = at(Lion(yaw=0).landmarks(SIZE), "nose")
    quarter = at(Lion(yaw=90).landmarks(SIZE), "nose")
    half = at(Lion(yaw=30).landmarks(SIZE), "nose")
    centre = world_to_pixel(0, SIZE)
    assert np.isclose(straight[0], centre)
    depth = quarter[0] - centre  # all of z
    assert np.isclose(half[0] - centre, depth * 0.5)  # sin 30 degrees
    assert np.isclose(half[1], straight[1])  # yaw leaves heights alone


def test_roll_is_clockwise_and_pitch_looks_up():
    lion = Lion().landmarks()
    assert at(Lion(roll=10).landmarks(), "forehead")[0] > at(lion, "forehead")[0]
    assert at(Lion(pitch=15).landmarks(), "nose")[1] < at(lion, "nose")[1]


def test_left_is_left_in_the_image():
    lion = Lion().landmarks()
    for part in ("ear_left", "mouth_left", "eye_left_outer"):
        assert at(lion, part)[0] < at(lion, part.replace("left", "right"))[0]


def test_landmarks_grow_with_the_image():
    small, large = (Lion.sample(2).landmarks(size).points for size in (64, 128))
    assert np.allclose((large + 0.5) / 2, small + 0.5)


def test_opening_the_mouth_drops_the_chin_by_8_to_10_percent():
    shut, wide = (at(Lion(mouth=mouth).landmarks(SIZE), "chin") for mouth in (0, 1))
    assert 0.08 <= (wide - shut)[1] / SIZE <= 0.10


def test_hidden_landmarks_are_not_visible():
    assert seen(Lion(yaw=0).landmarks(), "eye_left_outer")
    assert not seen(Lion(yaw=70).landmarks(), "eye_right_outer")  # round the corner
    assert not seen(Lion(yaw=180).landmarks(), "nose")  # faces away
    assert seen(Lion(eyes=1).landmarks(), "eye_left_outer")
    assert not seen(Lion(eyes=0).landmarks(), "eye_left_outer")  # under the lid
    assert not seen(Lion(x=2).landmarks(), "nose")  # outside the image


def test_visible_landmarks_show_their_own_part():
    """The image has the landmark's ellipsoid at its pixel, or, at a tip, beside it."""
    for seed in range(5):
        lion = Lion.sample(seed)
        marks, index = lion.landmarks(256), lion.render(256, supersample=1).index
        for name, (x, y), visible in zip(marks.names, marks.points.round(), marks.visible):
            around = index[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
            part = lion.parts().index(LANDMARKS[name][0])
            assert not visible or part in around, (seed, name)


def test_motion_of_a_pure_translation_is_the_translation():
    """On the head; the body follows the head by three quarters sideways."""
    shift = 8 / (SIZE / 2)
    a = Lion.sample(4)
    moved = motion(a, replace(a, x=a.x + shift), SIZE)
    index = a.render(SIZE).index
    parts = np.array(a.parts())
    body = np.isin(index, np.flatnonzero(np.isin(parts, ["body", "chest"])))
    head = (index >= 0) & ~body
    assert np.allclose(moved.flow[head], [8, 0])
    assert np.allclose(moved.flow[body], [6, 0])
    assert np.all(moved.flow[index < 0] == 0)


def test_motion_to_itself_is_still_and_visible_everywhere():
    a = Lion.sample(5)
    still = motion(a, a, 64)
    assert np.allclose(still.flow, 0)
    assert still.visible.all()


def test_motion_takes_landmarks_to_landmarks():
    """Between pixel centres the flow is interpolated, so it agrees where the surface is smooth."""
    a = Lion.sample(6)
    b = replace(a, yaw=a.yaw + 6, pitch=a.pitch - 4, size=a.size * 1.05)
    size = 512
    flow = motion(a, b, size).flow
    before, after = a.landmarks(size), b.landmarks(size)
    for name in ("nose", "forehead"):
        x, y = at(before, name).round().astype(int)
        assert np.allclose(flow[y, x], at(after, name) - at(before, name), atol=0.3)


def test_moved_points_land_on_the_same_part_where_visible():
    a, b = Lion(yaw=-15), Lion(yaw=15, mouth=1)
    moved = motion(a, b, SIZE)
    ia, ib = a.render(SIZE).index, b.render(SIZE).index
    y, x = np.nonzero((ia >= 0) & moved.visible)
    landed = np.rint(np.stack([x, y], 1) + moved.flow[y, x]).astype(int).clip(0, SIZE - 1)
    assert (ib[landed[:, 1], landed[:, 0]] == ia[y, x]).mean() > 0.9  # rounding, at seams
    hidden = (ia >= 0) & ~moved.visible
    assert hidden.sum() > 100  # half a turn of 30 degrees must hide something
    assert not moved.visible[(ia < 0) & (ib >= 0)].any()


def test_same_seed_same_lion():
    assert Lion.sample(7) == Lion.sample(7) != Lion.sample(8)
    assert np.array_equal(Lion.sample(7).render(32).image, Lion.sample(7).render(32).image)


def test_zero_is_the_middle_of_each_range_and_the_default():
    middle = [(low + high) / 2 for _, low, high in FACTORS]
    assert np.allclose(astuple(Lion.from_normal(np.zeros(len(FACTORS)))), middle)
    assert np.allclose(astuple(Lion()), middle)


def test_factors_stay_in_their_ranges_and_rise_with_z():
    low, high = (np.array([row[k] for row in FACTORS]) for k in (1, 2))
    one = np.array(astuple(Lion.from_normal(np.ones(len(FACTORS)))))
    assert np.allclose((one - low) / (high - low), 0.8413447)  # Phi(1)
    many = np.array([astuple(Lion.sample(seed)) for seed in range(20)])
    assert (many >= low).all() and (many <= high).all()


def test_factors_name_the_fields_and_geometry_comes_first():
    assert tuple(Lion.__dataclass_fields__) == tuple(name for name, _, _ in FACTORS)
    assert GEOMETRY == 11
    a = Lion.sample(9)
    marks = a.landmarks().points
    for name, _, high in FACTORS[GEOMETRY:]:
        assert np.array_equal(replace(a, **{name: high}).landmarks().points, marks), name
    for name, _, high in FACTORS[:GEOMETRY]:
        changed = replace(a, **{name: high})
        assert np.abs(changed.render(64).image - a.render(64).image).max() > 0.05, name


@pytest.mark.parametrize(
    "build, says",
    [
        (lambda: Lion.from_normal(np.zeros(5)), r"\(5,\).*\(22,\)"),
        (lambda: Lion.from_normal(np.full(len(FACTORS), np.nan)), "z has the value nan"),
        (lambda: Lion.from_normal("text"), "z is 'text'; give finite numbers"),
        (lambda: Lion.from_normal(np.ones(len(FACTORS), complex)), "z is array"),
        (lambda: Lion.from_normal(np.full(len(FACTORS), 1e300)), "standard normal"),
        (lambda: Lion.of_latent(np.zeros(len(FACTORS))), "z is 0 everywhere"),
        (lambda: Lion.of_latent(np.ones(len(FACTORS)), math.nan), "truncation is nan"),
        (lambda: Lion.sample(-1), "seed is -1; give a whole number from 0 to 4294967295"),
        (lambda: Lion.sample("a"), "seed is 'a'"),
        (lambda: Lion.sample(2**32), "seed is 4294967296"),
        (lambda: Lion(yaw=float("inf")), "yaw is inf; give a number such as those from -40 to 40"),
        (lambda: Lion(yaw="a"), "yaw is 'a'"),
        (lambda: Lion(yaw=True), "yaw is True"),
        (lambda: Lion(x=1e300), "x is 1e.300"),
        (lambda: Lion(size=0), "size is 0; give a number such as those from 0.33"),
        (lambda: Lion().render(0), "size is 0"),
        (lambda: Lion().render(12.5), "size is 12.5; give a whole number from 1 to 4096"),
        (lambda: Lion().render(True), "size is True"),
        (lambda: Lion().render(10**9), "size is 1000000000"),
        (lambda: Lion().render(2048, 3), "supersample is 3; give a whole number from 1 to 2"),
        (lambda: Lion().landmarks(0), "size is 0"),
        (lambda: motion(Lion(), Lion(), 0), "size is 0; give a whole number from 1 to 2048"),
        (lambda: render(scene_of((0, 0, 0, 1)), size=0), "size is 0"),
        (lambda: scene_of((0, 0, 0, -1)), "positive"),
        (lambda: scene_of((0, 0, 0, np.nan)), "axes has the value nan"),
        (lambda: scene_of((0, 0, 0, 1), light=(0, 0, 0)), "light"),
        (lambda: scene_of((0, 0, 0, 1), axes=[[1, 1]]), r"axes has shape \(1, 2\)"),
        (lambda: Meadow("blue", (0, 0, 0)), r"sky is 'blue'; give \(red, green, blue\)"),
        (lambda: Meadow((0, 0, 1), (0, 1)), r"ground has shape \(2,\)"),
        (lambda: Meadow((0, 0, 1), (0, 1, 0), math.inf), "horizon is inf"),
    ],
)
def test_bad_input_is_named(build, says):
    with pytest.raises(ValueError, match=says):
        build()


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: Lion(nose=1), "Lion: .*'nose'.*; it takes yaw, pitch"),
        (lambda: Lion().render(siz=64), "Lion.render: .*'siz'; did you mean 'size'"),
        (lambda: motion(Lion()), "motion: missing .*'b'"),
        (lambda: motion(5, Lion()), "a is 5; give a Lion"),
        (lambda: motion(Lion(), None), "b is None; give a Lion"),
        (lambda: render(Lion()), "scene is Lion.*; give a Scene"),
        (lambda: scene_of((0, 0, 0, 1), background="black"), "background is 'black'"),
    ],
)
def test_another_kind_of_thing_is_named(call, says):
    with pytest.raises(TypeError, match=says):
        call()


def test_numbers_of_every_library_make_the_same_lion():
    z = np.random.RandomState(3).randn(len(FACTORS))
    lion = Lion.from_normal(z)
    assert Lion.from_normal(z[::-1].copy()[::-1]) == lion
    assert Lion.from_normal([torch.tensor(value) for value in z]) == lion
    assert Lion(yaw=torch.tensor(4.0), roll=np.float64(2)) == Lion(yaw=4, roll=2)
    assert Lion.sample(np.int64(3)) == Lion.sample(3)
    same = lion.render(np.int64(32)).image, lion.render(torch.tensor(32)).image
    assert np.array_equal(*same)
