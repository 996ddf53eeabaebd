"""The landmark network reads renders to the pixel, says what it cannot read, and can be made
again.
"""

import hashlib
import json

import numpy as np
import pytest
import torch

import dragkit as dk
from dragkit.models import zoo
from dragkit.tasks.landmarks import (
    SIZE,
    LandmarkNetwork,
    landmark_network,
    open_landmarks,
    soft_argmax,
)
from dragkit.training import landmark_data, landmark_errors
from dragkit.training import landmarks as training
from dragkit.worlds.lion import LANDMARKS, Lion


def test_the_soft_argmax_of_a_peak_is_its_cells_centre():
    scores = torch.zeros(2, 34, 34)
    scores[0, 1, 1] = 100  # the image's first cell, pixels 0..3
    scores[1, 3, 6] = scores[1, 3, 7] = 100  # between columns 5 and 6 of the image
    assert torch.allclose(soft_argmax(scores), torch.tensor([[1.5, 1.5], [23.5, 9.5]]))


def test_an_even_map_means_the_images_middle():
    assert torch.allclose(soft_argmax(torch.zeros(1, 34, 34)), torch.tensor([[63.5, 63.5]]))


def test_the_ring_reaches_the_images_border():
    scores = torch.zeros(2, 34, 34)
    scores[0, 0, 0] = scores[1, -1, -1] = 100
    assert torch.allclose(soft_argmax(scores), torch.tensor([[-2.5, -2.5], [129.5, 129.5]]))


@pytest.fixture(scope="module")
def renders():
    """Eight lions that it has not learned from: images in 0..1 and their landmarks, NaN where
    covered.
    """
    images, points = zip(*map(landmark_data.render, range(3_000_000, 3_000_008)))
    return torch.from_numpy(np.stack(images)).float() / 255, np.stack(points)


def test_the_bundled_network_reads_fresh_renders_to_the_pixel(renders):
    network = landmark_network()
    assert network.names == tuple(LANDMARKS)
    off = landmark_errors.distances(network, *renders)
    assert np.nanmean(off) < 1


def test_it_reads_the_bundled_lions_images(renders):
    off = landmark_errors.distances(landmark_network(), *landmark_errors.generated(8))
    assert np.nanmean(off) < 2


def test_one_image_or_several(renders):
    network, (images, _) = landmark_network(), renders
    several = network(images)
    assert several.shape == (8, len(LANDMARKS), 2)
    assert torch.allclose(network(images[2]), several[2], atol=1e-3)
    assert landmark_network() is network


def test_gradients_reach_the_image_only(renders):
    network, image = landmark_network(), renders[0][0].clone().requires_grad_()
    network(image).sum().backward()
    assert image.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(
    "shape", [(3, 64, 64), (1, 128, 128), (128, 128, 3), (128, 128), (1, 1, 3, 128, 128)]
)
def test_another_shape_is_told_what_is_read(shape):
    with pytest.raises(
        ValueError, match=r"has shape \(.*\); the landmark network reads \(3 128 128\)"
    ):
        landmark_network()(torch.zeros(shape))


def test_whole_numbers_are_told_the_range():
    with pytest.raises(ValueError, match="torch.uint8; give floats in 0..1"):
        landmark_network()(torch.zeros(3, SIZE, SIZE, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.full((3, SIZE, SIZE), torch.nan), "numbers from nan to nan; give floats in 0..1"),
        (torch.full((3, SIZE, SIZE), 255.0), "numbers from 255 to 255"),
        (torch.full((3, SIZE, SIZE), -torch.inf), "numbers from -inf"),
        (torch.ones(3, SIZE, SIZE, dtype=torch.bool), "torch.bool"),
        (5, r"has shape \(\)"),
        ("a.png", "the image is 'a.png'; give a tensor"),
        (None, "the image is None"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        landmark_network()(image)


def test_arrays_and_doubles_are_images_too(renders):
    network, image = landmark_network(), renders[0][0]
    points = network(image)
    array = image.double().numpy()
    assert torch.equal(network(array), points)
    assert torch.equal(network(np.flip(np.flip(array, 2).copy(), 2)), points)
    assert torch.equal(network([*image]), points)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: landmark_network("gpu"), ValueError, "device is 'gpu'"),
        (lambda: landmark_network([1]), ValueError, r"device is \[1\]"),
        (lambda: landmark_network("meta"), ValueError, "device is 'meta'"),
        (lambda: landmark_network(devcie="cpu"), TypeError, "did you mean 'device'"),
        (lambda: open_landmarks("nope"), FileNotFoundError, "'nope'; there is no such file"),
        (lambda: open_landmarks(5), TypeError, "path is 5; give the path of a file"),
        (lambda: open_landmarks(__file__), ValueError, "is no landmark network; give a file"),
        (lambda: open_landmarks(zoo.bundled("lion")), ValueError, "is no landmark network"),
        (lambda: zoo.bundled("lino"), ValueError, "name is .lino.; give one of .*lion-d"),
        (lambda: zoo.bundled(5), TypeError, "name is 5; give one of lion, "),
        (lambda: zoo.bundled(nmae="lion"), TypeError, "did you mean 'name'"),
        (lambda: zoo.card(5), TypeError, "path is 5; give the path of a file"),
    ],
)
def test_what_is_no_network_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_it_is_no_generator():
    with pytest.raises(
        ValueError,
        match=(
            "'landmarks' reads landmarks .*landmark_network.*; models to drag are: lion,"
            " lion-diffusion, toy"
        ),
    ):
        dk.load("landmarks")
    with pytest.raises(ValueError, match="the bundled models are: lion, lion-diffusion, toy;"):
        dk.load("lino")


def test_the_index_the_file_and_the_card_agree():
    entry, path = zoo.index()["landmarks"], zoo.bundled("landmarks")
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < 2_000_000
    card = zoo.card(path)
    assert entry["card"] == path.with_suffix(".json").name and tuple(card["names"]) == tuple(
        LANDMARKS
    )
    assert card["error"]["renders"]["all"]["mean"] < 1


def test_the_loss_counts_only_what_is_not_covered():
    torch.manual_seed(0)
    scores, points = torch.randn(2, 3, 34, 34), torch.rand(2, 3, 2) * SIZE
    points[0, 1] = points[1, 2] = torch.nan
    before = training.loss(scores, points)
    scores[0, 1] += torch.randn(34, 34)
    assert training.loss(scores, points) == before
    scores[0, 0] += torch.randn(34, 34)
    assert training.loss(scores, points) != before


def test_the_truth_is_the_worlds():
    image, points = landmark_data.render(4)
    landmarks = Lion.sample(4).landmarks(SIZE)
    assert np.array_equal(~np.isnan(points[:, 0]), landmarks.visible)
    assert np.array_equal(points[landmarks.visible], landmarks.points[landmarks.visible])
    assert image.dtype == np.uint8 and image.shape == (3, SIZE, SIZE)


def test_a_batch_is_always_the_same_and_augmented_images_stay_in_range(renders):
    data = (renders[0].mul(255).byte().numpy(), renders[1])
    first, again = (training.batch(data, 5, 4) for _ in range(2))
    assert torch.equal(first[0], again[0]) and first[0].shape == (4, 3, SIZE, SIZE)
    soft = landmark_data.augment(first[0])
    assert soft.shape == first[0].shape and soft.min() >= 0 and soft.max() <= 1


def test_a_run_leaves_weights_and_a_card_and_goes_on_where_it_was(tmp_path):
    small = [
        "--images",
        "4",
        "--held-out",
        "4",
        "--generated",
        "2",
        "--batch",
        "2",
        "--device",
        "cpu",
    ]
    for until in (4, 8):
        training.main(["--out", str(tmp_path), *small, "--until", str(until)])
        card = json.loads((tmp_path / "landmarks.json").read_text())
        assert card["images_seen"] == until and card["settings"]["batch"] == 2
    error = card["error"]
    assert error["renders"]["all"]["p90"] > 0 and error["generated"]["nose"]["mean"] > 0
    state = torch.load(tmp_path / "state.pt", weights_only=True)["network"]
    stored = open_landmarks(tmp_path / "landmarks.safetensors").state_dict()
    assert all(
        torch.allclose(stored[n].float(), v.float(), rtol=1e-3, atol=1e-6)
        for n, v in state.items()
    )


def test_a_fresh_network_has_a_map_for_each_name():
    network = LandmarkNetwork(("a", "b")).eval()
    assert network.scores(torch.rand(1, 3, SIZE, SIZE)).shape == (1, 2, 34, 34)
