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
from dragkit.tasks.poses import LIONS
from dragkit.training import landmark_data, landmark_errors
from dragkit.training import landmarks as training
from dragkit.training.stream import painted, pair, random_of
from dragkit.worlds.lion import LANDMARKS, Lion
from dragkit.worlds.world import WORLDS
from tests.interrupts import interrupt


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
    scenes, points = landmark_data.Labelled(WORLDS["lion"], 8, 3_000_000)[0]
    return scenes.render(SIZE), points


def test_the_bundled_network_reads_fresh_renders_to_the_pixel(renders):
    network = landmark_network()
    assert network.names == tuple(LANDMARKS)
    off = landmark_errors.distances(network, [renders])
    assert off.shape == (8, len(LANDMARKS)) and np.nanmean(off) < 1


def test_it_reads_the_bundled_lions_images():
    images = landmark_errors.generated(LIONS.generator(), WORLDS["lion"], 8)
    assert np.nanmean(landmark_errors.distances(landmark_network(), images)) < 2


def test_a_larger_image_is_read_in_its_own_pixels(renders):
    network, image = landmark_network(), renders[0][0]
    twice = image.repeat_interleave(2, 1).repeat_interleave(2, 2)
    points = network(image)
    # pixel 0 has become pixels 0 and 1, whose middle is 0.5
    torch.testing.assert_close(network(twice), 2 * points + 0.5, atol=1e-3, rtol=0)
    assert torch.allclose(network(twice[None])[0], network(twice), atol=1e-3)


def test_renders_of_256_px_are_read_as_well_as_those_of_128():
    scenes, points = landmark_data.Labelled(WORLDS["lion"], 8, 3_000_000)[0]
    off = landmark_errors.distances(landmark_network(), [(scenes.render(256), points)])
    assert np.nanmean(off) < 1


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
    "shape",
    [
        (3, 64, 64),
        (3, 192, 192),
        (3, 128, 256),
        (3, 1152, 1152),
        (1, 128, 128),
        (128, 128, 3),
        (128, 128),
        (1, 1, 3, 128, 128),
    ],
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
        (lambda: open_landmarks(__file__), ValueError, "is a text that begins with"),
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
            "'landmarks' reads landmarks .*landmark_network.*; models to drag are: car, lion,"
            " lion-256, lion-diffusion, toy"
        ),
    ):
        dk.load("landmarks")
    with pytest.raises(
        ValueError, match="bundled models are: car, lion, lion-256, lion-diffusion, toy;"
    ):
        dk.load("lino")


def test_the_index_the_file_and_the_card_agree():
    entry, path = zoo.index()["landmarks"], zoo.bundled("landmarks")
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < 2_000_000
    card = zoo.card(path)
    assert entry["card"] == path.with_suffix(".json").name and tuple(card["names"]) == tuple(
        LANDMARKS
    )
    assert card["error"]["renders"]["128 px"]["all"]["mean"] < 1


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
    lion = Lion.sample(4)
    points = landmark_data.truth(lion)
    landmarks = lion.landmarks(SIZE)
    assert np.array_equal(~np.isnan(points[:, 0]), landmarks.visible)
    seen = landmarks.points[landmarks.visible]
    assert np.array_equal(points[landmarks.visible], seen.astype(np.float32))


@pytest.mark.parametrize("name", WORLDS)
def test_half_of_the_scenes_are_uniform_and_half_truncated(name):
    world = WORLDS[name]
    scenes, points = landmark_data.Labelled(world, 3, 5)[7]
    assert points.shape == (3, len(world.landmarks), 2)
    random = random_of(5, 7)
    uniform = world.kind.from_normal(random.randn(len(world.factors)))
    truncated = painted(world, *pair(random, world))
    for i, thing in enumerate((uniform, truncated)):
        centre = torch.from_numpy(thing.scene().centre).float()
        assert torch.equal(scenes.centre[i], centre)
        expected = torch.from_numpy(landmark_data.truth(thing))
        assert torch.equal(points[i].nan_to_num(-1), expected.nan_to_num(-1))


def test_augmented_images_stay_in_range(renders):
    soft = landmark_data.augment(renders[0])
    assert soft.shape == renders[0].shape and soft.min() >= 0 and soft.max() <= 1


SMALL = ["--held-out", "3", "--generated", "2", "--batch", "2", "--device", "cpu"]


@pytest.fixture
def usual_numbers():
    yield
    torch.set_flush_denormal(False)  # the trainer wants it, other tests do not


@pytest.mark.parametrize(("name", "models"), [("lion", ["lion"]), ("car", [])])
def test_a_run_leaves_weights_and_a_card_and_goes_on_where_it_was(
    name, models, tmp_path, usual_numbers
):
    out = tmp_path / "marks"
    more = ["--world", name, "--sizes", "128", "256", "--workers", "0", "--models", *models]
    for until in (2, 4):
        training.main(["--out", str(out), *SMALL, *more, "--until", str(until)])
        card = json.loads((out / "marks.json").read_text())
        assert card["images_seen"] == until and card["settings"]["batch"] == 2
    assert card["world"] == name and len(card["history"]) == 2
    error = card["error"]
    assert [*error["renders"]] == ["of", "128 px", "256 px"]
    assert error["renders"]["256 px"]["all"]["p90"] > 0
    assert [*error["generated"]] == ["of", *models]
    state = torch.load(out / "state.pt", weights_only=True)["network"]
    network = open_landmarks(out / "marks.safetensors")
    assert network.names == WORLDS[name].landmarks
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value.float(), state[key].float(), rtol=1e-3, atol=1e-6)


def test_a_stopped_run_goes_on_as_if_unbroken(tmp_path, monkeypatch, usual_numbers):
    monkeypatch.setattr(training, "publish", lambda *_: None)

    def state_of_run(folder, workers):
        arguments = ["--out", str(folder), *SMALL, "--until", "12", "--workers", workers]
        training.main([*arguments, "--sizes", "128", "256"])
        return torch.load(folder / "state.pt", weights_only=True)

    whole = state_of_run(tmp_path / "whole", "0")
    interrupt(monkeypatch, training.Trainer, 3)
    with pytest.raises(KeyboardInterrupt):
        state_of_run(tmp_path / "broken", "2")
    broken = state_of_run(tmp_path / "broken", "2")
    assert broken["steps"] == whole["steps"] == 6
    for name, tensor in whole["network"].items():
        assert torch.equal(tensor, broken["network"][name]), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--sizes 64", "--sizes 64; give multiples of 128 up to 1024"),
        ("--batch 2 3", "--batch has 2 numbers; this training takes one"),
        ("--batch 0", "'0'; give a whole number from 1 on"),
        ("--world cat", "invalid choice: 'cat'"),
        ("--models lino", "--models lino: unknown model"),
        ("--models toy", "--models toy is no generator of the lion with its 22 factors"),
        ("--held-out -1", "'-1'; give a whole number from 1 on"),
    ],
)
def test_settings_that_cannot_be_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        training.parse(arguments.split())
    assert message in capsys.readouterr().err


def test_a_fresh_network_has_a_map_for_each_name():
    network = LandmarkNetwork(("a", "b")).eval()
    assert network.scores(torch.rand(1, 3, SIZE, SIZE)).shape == (1, 2, 34, 34)
