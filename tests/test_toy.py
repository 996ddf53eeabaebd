"""The toy's latent is the answer, so the toy itself has to be beyond doubt."""

import math

import pytest
import torch

from dragkit.models.toy import PAINTS, PAPER, Toy


def slow_features(toy: Toy, latent: torch.Tensor) -> torch.Tensor:
    """The docstring's equation, one cell at a time."""
    background, *blobs = toy.signatures()
    cells = toy.side // 2
    features = torch.empty(toy.channels, cells, cells)
    for row in range(cells):
        for column in range(cells):
            x, y = 2 * column + 0.5, 2 * row + 0.5  # two pixels to a cell
            value = background.clone()
            for (cx, cy), signature in zip(latent.tolist(), blobs, strict=True):
                away = (x - cx) ** 2 + (y - cy) ** 2
                value += math.exp(-away / (2 * toy.width**2)) * signature
            light = 1 + toy.light * (2 * x / toy.side - 1)
            features[:, row, column] = light * value
    return features


def test_features_are_the_equation():
    toy = Toy(side=16, width=2, light=0.5, channels=5)
    latent = torch.tensor([[3.0, 12.0], [9.5, 4.25], [-2.0, 30.0]])
    torch.testing.assert_close(toy.view(latent).features, slow_features(toy, latent))


def test_the_image_shows_a_blob_where_the_latent_says():
    toy = Toy(blobs=1)
    image = toy.view(torch.tensor([[80.0, 30.0]])).image
    torch.testing.assert_close(image[:, 30, 80], torch.tensor(PAINTS[0]))
    torch.testing.assert_close(image[:, 100, 20], torch.tensor(PAPER))
    assert image.shape == (3, *toy.size) == (3, 128, 128)
    assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("lookalike", [0.0, 0.5, 1.0])
def test_blobs_look_as_alike_to_people_as_to_the_features(lookalike):
    toy = Toy(blobs=2, lookalike=lookalike)
    image = toy.finish(torch.tensor([[30.0, 30.0], [90.0, 90.0]]))
    colours = image[:, 30, 30], image[:, 90, 90]
    far = (torch.tensor(PAINTS[0]) - torch.tensor(PAINTS[1])).norm()
    torch.testing.assert_close((colours[0] - colours[1]).norm(), (1 - lookalike) * far)


def test_the_features_pull_at_the_centres():
    toy, latent = Toy(), torch.tensor([[44.0, 40.0], [30.0, 100.0], [100.0, 100.0]])
    latent.requires_grad_()
    view = toy.view(latent)
    view.features[:, 20, 30].sum().backward()  # beside the first blob, out of reach of the others
    assert latent.grad[0].abs().min() > 0
    assert latent.grad[1:].abs().max() < 1e-6
    assert not view.image.requires_grad


def test_a_view_shows_its_own_latent_even_when_that_changes_before_somebody_looks():
    toy, latent = Toy(), Toy().sample(0)
    before, view = toy.finish(latent), toy.view(latent)
    latent += 5  # what an optimiser does
    assert torch.equal(view.image, before)


def test_a_sample_is_the_same_for_the_same_seed_and_well_placed():
    toy = Toy()
    samples = [toy.sample(seed) for seed in range(20)]
    assert torch.equal(samples[3], toy.sample(3))
    assert not torch.equal(samples[3], samples[4])
    for centres in samples:
        assert centres.shape == (3, 2)
        assert torch.equal(centres, centres.round())
        assert 0.19 * toy.side < centres.min() <= centres.max() < 0.81 * toy.side
        # up to a pixel lost in rounding each
        assert torch.pdist(centres).min() > 3 * toy.width - 2


@pytest.mark.parametrize("toy", [Toy(side=32), Toy(blobs=60)])
def test_blobs_that_do_not_fit_are_an_error_and_no_endless_search(toy):
    with pytest.raises(ValueError, match=f"{toy.blobs} blobs of width 6 .* {toy.side} px.*fewer"):
        toy.sample(0)


def test_lookalike_turns_the_second_blob_into_a_twin_of_the_first():
    different, twins = Toy().signatures(), Toy(lookalike=1.0).signatures()
    assert torch.equal(twins[1], twins[2])
    assert not torch.equal(different[1], different[2])
    assert torch.equal(different[[0, 1, 3]], twins[[0, 1, 3]])
    assert Toy(blobs=1, lookalike=1.0).signatures().shape == (2, 16)


def test_an_opaque_blob_hides_what_lies_behind_it_and_nothing_else():
    """Two blobs on one cell: the later one's signature alone; apart, as if they shone through."""
    behind = torch.tensor([[63.5, 63.5], [63.5, 63.5]])
    opaque, clear = Toy(blobs=2, opaque=True, side=127), Toy(blobs=2, side=127)
    signatures = opaque.signatures()
    at = (slice(None), 31, 31)  # the cell whose centre is nearest to the blobs'
    weight = ((opaque.view(behind).features[at] - signatures[0]) @ signatures[2]) / signatures[
        2
    ].square().sum()
    torch.testing.assert_close(
        opaque.view(behind).features[at],
        signatures[0] + signatures[2] * weight,
        atol=0.02,
        rtol=0.02,
    )
    apart = torch.tensor([[20.0, 20.0], [100.0, 100.0]])
    torch.testing.assert_close(opaque.view(apart).features, clear.view(apart).features)
