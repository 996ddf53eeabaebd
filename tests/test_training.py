"""The generator's training, at its smallest: it writes what `load` reads, goes on exactly where it
was, and teaches the truth.
"""

import json
import subprocess
import sys
from collections import Counter
from itertools import count, islice

import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.training import loop, stylegan2, trainer
from dragkit.training.published import published, rescaled
from dragkit.training.stream import echoed
from dragkit.worlds.lion import FACTORS
from dragkit.worlds.world import WORLDS
from tests.interrupts import interrupt

CHANNELS = (8, 8, 8, 8, 8, 8)
SMALL = ["--sizes", "32", "64", "--grow-at", "0.5", "--channels", *"88888", "--device", "cpu"]
TEACHERS = ["--adversarial", "0.01", "--adversarial-from", "0.75"]


@pytest.fixture(autouse=True)
def usual_numbers():
    yield
    torch.set_flush_denormal(False)  # the trainer wants it, other tests do not


def train(out, *more, until=24, batch=("4", "2"), workers=0):
    """32 px in 3 steps, 64 px in 6, the last 3 of them with the discriminator."""
    arguments = [*SMALL, *TEACHERS, "--batch", *batch, "--workers", str(workers), *more]
    stylegan2.main(["--out", str(out), "--until", str(until), *arguments])
    return torch.load(out / "state.pt", weights_only=True)


def a_trainer(size: int) -> trainer.Trainer:
    made = trainer.Trainer(size, len(FACTORS), CHANNELS, "cpu", half_life=2000)
    made.set_rate(1e-3)
    return made


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tiny"
    return out, train(out)


def test_a_run_leaves_a_model_a_card_and_a_sheet(run):
    out, state = run
    model = dk.load(out / "tiny.safetensors", device="cpu")
    card = json.loads((out / "tiny.json").read_text())
    assert model.size == (64, 64) and model.feature_block == card["feature_block"] == 64
    assert (card["images_seen"], card["steps"], card["resolution"]) == (24, 9, 64)
    assert card["world"] == "lion" and card["settings"]["batch"] == [4, 2]
    assert "D" not in card["history"][0] and card["history"][-1]["D"] > 0
    assert Image.open(out / "samples.png").size == (12 * 64, 6 * 64)

    again = trainer.Trainer(64, len(FACTORS), (8,) * 5, "cpu", 2000)
    again.restore(state)
    z = torch.from_numpy(model.sample_z(3)).float()[None]
    expected = again.ema(z, 0.7)[0].add(1).div(2).clamp(0, 1)
    assert torch.allclose(model.finish(model.sample(3)), expected, atol=0.01)  # half precision


def test_a_car_is_learned_by_the_same_command(tmp_path):
    train(tmp_path / "car", "--world", "car", until=8, batch=["2"])
    card = json.loads((tmp_path / "car" / "car.json").read_text())
    model = dk.load(tmp_path / "car" / "car.safetensors", device="cpu")
    assert card["world"] == "car"
    assert model.generator.mapping.z_dim == len(WORLDS["car"].factors)


@pytest.mark.parametrize(("after", "workers"), [(2, 2), (3, 0), (4, 0), (7, 2)])
def test_a_stopped_run_goes_on_as_if_unbroken(run, tmp_path, monkeypatch, after, workers):
    """Stopped at 32 px, where the size changes, at 64 px, and with the discriminator."""
    _, whole = run
    interrupt(monkeypatch, trainer.Trainer, after)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", workers=workers)
    stopped = torch.load(tmp_path / "broken" / "state.pt", weights_only=True)
    assert stopped["steps"] == after
    broken = train(tmp_path / "broken", workers=workers)
    assert broken["steps"] == whole["steps"] == 9
    for part in ("g", "d", "ema"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, broken[part][name]), f"{part}: {name}"


def test_after_an_error_the_last_save_stands(run, tmp_path, monkeypatch):
    train(tmp_path / "broken", until=12)
    before = (tmp_path / "broken" / "state.pt").read_bytes()

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(trainer.Trainer, "step", fail)
    with pytest.raises(MemoryError):
        train(tmp_path / "broken", until=24)
    assert (tmp_path / "broken" / "state.pt").read_bytes() == before


def test_a_run_can_start_from_published_weights(run, tmp_path):
    out, _ = run
    origin = out / "tiny.safetensors"
    more = ["--from", str(origin), "--sizes", "64", "--grow-at"]
    options = stylegan2.parse(["--out", str(tmp_path / "on"), *SMALL, *more])
    begun = stylegan2.Run(options)
    z = torch.randn(2, len(FACTORS))
    expected = dk.load(origin, device="cpu").generator(z, 0.7)
    for network in (begun.trainer.g, begun.trainer.ema):
        torch.testing.assert_close(network(z, 0.7), expected, atol=1e-5, rtol=0)
    told = begun.card()["from"]
    assert told["file"] == "tiny.safetensors" and told["images_seen"] == 24
    assert begun.card()["images_seen"] == 0


@pytest.mark.parametrize("more", [["--sizes", "32"], ["--sizes", "64", "--channels", *"88884"]])
def test_weights_of_another_shape_are_refused(run, tmp_path, more):
    origin = str(run[0] / "tiny.safetensors")
    arguments = [*SMALL, "--adversarial", "0", "--grow-at", "--from", origin, *more]
    if more == ["--sizes", "32"]:
        arguments += ["--channels", *"8888"]
    with pytest.raises(ValueError, match=r"tiny.safetensors does not fit a generator of"):
        stylegan2.Run(stylegan2.parse(["--out", str(tmp_path / "on"), *arguments]))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--world", "car"], "has the world lion, not car"),
        (["--seed", "3"], "has the seed 0, not 3"),
        (["--channels", *"88884"], r"has the channels \[8, 8, 8, 8, 8\], not"),
    ],
)
def test_a_run_goes_on_as_it_began(run, more, message):
    with pytest.raises(SystemExit, match=message):
        train(run[0], *more)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--batch 0", "argument --batch: '0'; give a whole number from 1 on"),
        ("--batch 1.5", "'1.5'; give a whole number from 1 on"),
        ("--batch 2 3", "--batch has 2 numbers and --sizes 3; give one for each size"),
        ("--lr nan", "'nan'; give a number above 0"),
        ("--lr 0", "'0'; give a number above 0"),
        ("--sizes 32 48 --grow-at .5", "give powers of two from 16 to 1024, each twice"),
        ("--sizes 32 128 --grow-at .5", "each twice the one before"),
        ("--sizes 8 16 --grow-at .5", "give powers of two from 16 to 1024"),
        ("--sizes 64 128", "--grow-at [0.46, 0.62]; give 1 rising shares"),
        ("--grow-at .5 .4", "--grow-at [0.5, 0.4]; give 2 rising shares"),
        ("--grow-at .5 1.4", "'1.4'; give a share of the run, from 0 to 1"),
        ("--sizes 32 --grow-at", "the discriminator sees patches of 64 px, and the last size"),
        ("--channels 8 8", "--channels has 2 numbers; 128 px takes 6"),
        ("--world cat", "invalid choice: 'cat'"),
        ("--minutes 0", "'0'; give a number above 0"),
        ("--workers -1", "'-1'; give a whole number from 0 on"),
        ("--device gpu", "device is 'gpu'"),
        ("--adversarial inf", "'inf'; give a number from 0 on"),
    ],
)
def test_settings_that_cannot_be_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        stylegan2.parse(arguments.split())
    assert message in capsys.readouterr().err


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    arguments = ["--out", str(tmp_path), "--from", str(tmp_path / "none")]
    words = "give a file of safetensors that a run wrote"
    with pytest.raises(ValueError, match=words):
        stylegan2.Run(stylegan2.parse(arguments))
    with pytest.raises(SystemExit, match=words):  # of the command line: the words alone
        stylegan2.main(arguments)


def test_a_saved_run_that_does_not_fit_is_a_value_error_and_a_line_on_the_command_line(
    run, tmp_path
):
    out, state = run
    with pytest.raises(ValueError, match="has the world lion, not car; name another folder"):
        loop.saved_state(out / "state.pt", "cpu", {"world": "car"})

    loop.save_state(state | {"size": 16}, tmp_path / "state.pt")
    words = r"stands at 16 px, which is not among --sizes \[32, 64\]"
    with pytest.raises(ValueError, match=words):
        stylegan2.Run(stylegan2.parse(["--out", str(tmp_path), *SMALL]))
    with pytest.raises(SystemExit, match=words):
        train(tmp_path)


def test_the_clock_can_say_how_long_a_run_is(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 5))  # every look at it is 5 s later
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    state = train(tmp_path / "timed", "--minutes", "1.5", until=10**9)
    card = json.loads((tmp_path / "timed" / "timed.json").read_text())
    assert 90 <= state["seconds"] < 120 and state["size"] == 64
    assert "until" not in card["settings"] and card["settings"]["minutes"] == 1.5


def test_the_trainings_need_no_notebook_and_no_diffusers():
    program = """if True:
        import sys
        absent = {"diffusers", "transformers", "peft", "ipywidgets", "ipycanvas", "matplotlib"}
        absent |= {"pandas", "orjson", "imageio", "tabulate", "IPython", "scipy"}

        class Absent:
            def find_spec(self, name, *_):
                if name.split(".")[0] in absent:
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Absent())
        from dragkit.training import landmarks, stylegan2
        stylegan2.parse([]), landmarks.parse([])
    """
    subprocess.run([sys.executable, "-c", program], check=True, cwd=dk.__path__[0] + "/..")


def test_the_published_weights_paint_the_same_images_from_shorter_latents():
    torch.manual_seed(0)
    generator = a_trainer(32).ema
    generator.mapping.w_avg.normal_()
    z = torch.randn(2, len(FACTORS))
    exact = from_state_dict(rescaled(generator.state_dict(), 1 / 8)).generator
    assert torch.equal(exact(z, 0.7), generator(z, 0.7))
    assert torch.equal(exact.mapping(z), generator.mapping(z) / 8)

    state = published(generator, 1 / 8)
    assert {value.dtype for value in state.values()} == {torch.float16}
    halved = from_state_dict(state).generator
    torch.testing.assert_close(halved(z, 0.7), generator(z, 0.7), atol=0.01, rtol=0)


@pytest.mark.parametrize("times", [1, 3, 8])
def test_an_echo_takes_each_batch_often_and_goes_on_exactly(times):
    def draw(number):
        return ((torch.tensor(k),) for k in count(number))

    def steps(start, many):
        return [int(batch) for (batch,) in islice(echoed(draw, start, times, 5), many)]

    whole = steps(0, 2000)
    for start in (0, 1, 7, 64, 700, 1501):
        assert steps(start, 50) == whole[start : start + 50]
    often = Counter(whole)
    assert sum(often[k] for k in range(100, 150)) / 50 == pytest.approx(times, rel=0.2)


def test_growing_starts_with_the_smaller_image():
    torch.manual_seed(0)
    small, large = a_trainer(32), a_trainer(64)
    large.grow_from(small)
    z = torch.randn(2, len(FACTORS))
    with torch.no_grad():
        grown = torch.nn.functional.avg_pool2d(large.g(z), 2)
        assert (grown - small.g(z)).abs().mean() < 0.1 * small.g(z).abs().mean()


def test_the_pair_teacher_is_content_only_with_the_truth():
    truth = torch.rand(2, 3, 32, 32)
    assert trainer.pair_loss(truth, truth) == 0
    assert trainer.pair_loss(truth.roll(1, -1), truth) > 0.1
