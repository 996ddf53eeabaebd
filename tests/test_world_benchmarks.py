"""LionBench and CarBench: what each sample promises."""

import numpy as np
import pytest

from dragkit.tasks.world_benchmarks import (
    LONG,
    RECIPES,
    SHORT,
    sample,
    samples,
    write_benchmark,
)

KINDS = [(world, category) for world, recipes in RECIPES.items() for category in recipes]
every_kind = pytest.mark.parametrize(("world", "category"), KINDS)


@every_kind
def test_only_the_recipes_factors_change_and_the_landmarks_are_seen_in_both(world, category):
    recipe = RECIPES[world][category]
    for seed in (1, 2):
        drawn = sample(world, category, seed)
        before, after = vars(drawn.before), vars(drawn.after)
        assert {name for name in before if before[name] != after[name]} == set(recipe.factors)
        assert len(drawn.names) == recipe.points
        for thing in (drawn.before, drawn.after):
            seen = thing.landmarks(64)
            assert all(seen.visible[seen.names.index(name)] for name in drawn.names)


@every_kind
def test_the_farthest_handle_goes_as_far_as_its_category_says(world, category):
    drawn = sample(world, category, 3)
    moves = drawn.points(drawn.after, 1000) - drawn.points(drawn.before, 1000)
    farthest = moves[np.linalg.norm(moves, axis=1).argmax()]
    least = LONG if category == "long_path" else SHORT
    assert np.linalg.norm(farthest) >= 1000 * least * 0.999
    if category == "raise":
        assert farthest[1] < 0 and -farthest[1] >= abs(farthest[0])


def test_a_seed_is_always_the_same_sample():
    one, other = sample("lion", "turn", 5), sample("lion", "turn", 5)
    assert one.before == other.before and one.after == other.after and one.names == other.names


def test_between_leads_from_one_to_the_other():
    drawn = sample("lion", "turn", 5)
    assert drawn.between(0) == drawn.before and drawn.between(1) == drawn.after
    assert drawn.between(0.5).yaw == pytest.approx((drawn.before.yaw + drawn.after.yaw) / 2)


def test_the_categories_come_in_turn():
    order = [category for category, _, _ in samples("lion", 9)]
    assert order[:7] == list(RECIPES["lion"]) and order[7:] == order[:2]


def test_what_there_is_not_is_told():
    with pytest.raises(ValueError, match=r"no category 'open' of world 'car'.*lengthen"):
        sample("car", "open", 1)


def test_a_folder_with_other_samples_is_left_alone(tmp_path):
    write_benchmark(tmp_path, "lion", 32, 2)
    assert write_benchmark(tmp_path, "lion", 32, 2) == tmp_path, "the same may be written again"
    for world, count in (("lion", 1), ("car", 2)):
        with pytest.raises(FileExistsError, match="other samples, such as lion_"):
            write_benchmark(tmp_path, world, 32, count)
