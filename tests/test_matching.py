"""Mean distance by a matcher's features, computed by hand."""

import math

import pytest
import torch

import dragkit as dk
from dragkit.bench.fidelity import fidelity, pyramid
from dragkit.bench.matching import Dift, discs, distances, masked, matched, similarity, whole
from dragkit.models.diffusion.dift import dift

SIZE = (20, 30)


def random_features(seed=0, channels=8, size=SIZE):
    return torch.randn(channels, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (-2, 4)])
def test_what_has_moved_is_found_where_it_is(shift):
    dx, dy = shift
    before = random_features()
    after = before.roll((dy, dx), (1, 2))
    edit = dk.Edit([(10, 8), (14, 11)], [(12, 8), (14, 11)])
    found = distances(before, after, edit, SIZE)
    apart = [math.hypot(dx - 2, dy), math.hypot(dx, dy)]
    assert found["pairs"] == pytest.approx(apart)
    assert found["md"] == found["m_md"] == pytest.approx(sum(apart) / 2)


def test_each_variant_searches_its_own_region():
    before = random_features()
    after = random_features(1)
    wanted = before[:, 8, 5]
    after[:, 2, 27] = wanted  # the best match of all lies outside mask and discs
    after[:, 15, 12] = wanted + 0.05  # the best one inside the mask
    after[:, 8, 7] = wanted + 0.5 * random_features(2)[:, 0, 0]  # the best near the handle
    free = torch.zeros(SIZE)
    free[7:18, 4:20] = 1
    edit = dk.Edit([(5, 8)], [(8, 8)], free)

    found = distances(before, after, edit, SIZE)
    assert found["md"] == pytest.approx(math.hypot(27 - 8, 2 - 8))
    assert found["m_md"] == pytest.approx(math.hypot(12 - 8, 15 - 8))
    assert found["md_discs"] == pytest.approx(1)
    assert found["md_normalised"] == pytest.approx(1 / 30)


def test_discs_are_those_of_regiondrag():
    near = dk.Edit([(10, 10)], [(12, 10)])
    region = discs(near, SIZE)[0]
    assert region[10, 6] and not region[10, 5]  # closer than 5 px to the handle
    assert region[10, 16] and not region[10, 17]

    far = dk.Edit([(4, 10)], [(24, 10)])
    radius = 20 / math.sqrt(2)
    rows = torch.arange(20.0)[:, None]
    columns = torch.arange(30.0)[None]
    by_hand = torch.minimum((columns - 4).hypot(rows - 10), (columns - 24).hypot(rows - 10))
    assert torch.equal(discs(far, SIZE)[0], by_hand < radius)


def test_without_a_mask_its_region_is_the_whole_image():
    edit = dk.Edit([(5, 5)], [(6, 6)])
    assert torch.equal(masked(edit, SIZE), whole(edit, SIZE)) and whole(edit, SIZE).all()


def test_the_best_pixel_is_given_as_x_and_y():
    maps = torch.zeros(1, *SIZE)
    maps[0, 3, 17] = 1
    assert matched(maps, torch.ones(1, *SIZE, dtype=torch.bool)).tolist() == [[17, 3]]


def test_similarity_is_the_cosine_whatever_the_block_of_rows():
    before, after = random_features(), random_features(1)
    edit = dk.Edit([(3, 4), (20, 10)], [(4, 4), (21, 10)])
    maps = similarity(before, after, edit, SIZE)
    by_hand = torch.cosine_similarity(before[:, 10, 20][:, None, None], after, dim=0)
    torch.testing.assert_close(maps[1], by_hand)

    many = random_features(channels=3000)  # so many that the rows are compared in parts
    torch.testing.assert_close(similarity(many, many, edit, SIZE)[0][4, 3], torch.tensor(1.0))


def test_coarse_features_are_enlarged_to_the_image():
    edit = dk.Edit([(10, 8)], [(12, 8)])
    coarse = random_features(size=(5, 6))
    assert similarity(coarse, coarse, edit, SIZE).shape == (1, *SIZE)


def test_the_bundled_models_features_find_a_lions_nose_again():
    model = dk.load("lion-diffusion", device="cpu")
    from dragkit.tasks import renders
    from dragkit.tasks.world_benchmarks import sample

    drawn = sample("lion", "turn", 7)
    before, after = (renders.image(thing, 64) for thing in (drawn.before, drawn.after))
    edit = dk.Edit(drawn.points(drawn.before, 64), drawn.points(drawn.after, 64))
    match = Dift(model, ensemble=2)
    found = distances(match(before), match(after), edit, (64, 64))
    still = distances(match(before), match(before), edit, (64, 64))
    assert found["md"] < 3 < still["md"]


def test_dift_is_the_same_twice_and_the_mean_of_its_draws():
    model = dk.load("lion-diffusion", device="cpu")
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    one, two = dift(model, image, ensemble=1), dift(model, image, ensemble=2)
    assert torch.equal(one, dift(model, image, ensemble=1)) and one.shape == two.shape

    index = 14  # the timestep 261 of 50 steps
    assert int(model.schedule.times[index]) == 261
    random = torch.Generator().manual_seed(42)
    clean = model.encode(image[None])
    draws = [torch.randn(clean.shape, generator=random) for _ in range(2)]
    times = model.schedule.times[index : index + 1]
    with torch.no_grad():
        by_hand = [
            list(model.denoiser.stages(model.schedule.add_noise(clean, noise, index), times))[2][0]
            for noise in draws
        ]
    torch.testing.assert_close(two, (by_hand[0] + by_hand[1]) / 2)


def test_fidelity_is_one_less_the_distance_at_224_px():
    seen = []

    def lpips(a, b):
        seen.append((a.shape, b.shape))
        return (a - b).abs().mean()

    before, after = torch.zeros(3, 50, 70), torch.full((3, 50, 70), 0.25)
    assert fidelity(before, after, lpips) == pytest.approx(0.75)
    assert seen == [((3, 224, 224), (3, 224, 224))]


def test_the_pyramid_is_one_for_equal_images_and_falls_with_the_difference():
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    assert pyramid(image, image) == 1
    assert pyramid(torch.zeros(3, 40, 40), torch.ones(3, 40, 40)) == pytest.approx(0)
    assert 0 < pyramid(image, (image + 0.1).clamp(0, 1)) < 1
