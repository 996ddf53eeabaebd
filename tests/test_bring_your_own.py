"""The page "Bring your own": each of its lines is run on small files of the names that it says."""

import ast
import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import dragkit as dk
from tests.benchmark_folders import POINTS, write_dragbench
from tests.checkpoint_files import (
    arguments,
    foreign_modules,
    network,
    persistent,
    rosinality,
    write,
    write_nvidia,
    write_tensorflow,
)

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.lora_files import kohya  # noqa: E402
from tests.single_files import write_single_file  # noqa: E402
from tests.tiny_pipelines import write_sd, write_xl  # noqa: E402

PAGE = Path(__file__).parent.parent / "dragkit" / "BRING_YOUR_OWN.md"
HUB = ".cache/huggingface/hub/models--owner--name"
MADE = network(16)
MADE.load_state_dict(
    {
        name: value / 10 if name.endswith("torgb.weight") else value  # images within 0..1
        for name, value in MADE.state_dict().items()
    }
)
AVERAGE = MADE.mapping.w_avg
W = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
FREE = np.zeros((160, 240), bool)
FREE[40:140, 80:200] = True
EDIT = {"handles": [[140, 80]], "targets": [[150, 95]]}


def write_images() -> None:
    random = np.random.RandomState(0)
    Image.fromarray(random.randint(0, 256, (160, 240, 3), np.uint8)).save("photo.jpg")
    Image.fromarray(random.randint(0, 256, (50, 40, 3), np.uint8)).save("face.jpg")
    Image.fromarray(random.randint(0, 256, (163, 245, 3), np.uint8)).save("holiday.jpg")
    Image.fromarray(FREE).save("mask.png")
    for name, region in (("davis.png", 1), ("voc.png", 2)):
        labels = FREE * np.uint8(region)
        labels[0, :2] = (0, region - 1)  # in the second a region besides
        regions = Image.fromarray(labels).convert("L")
        regions.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [224, 224, 192] * 253)
        regions.save(name)
    np.save("probabilities.npy", np.where(FREE, 0.9, 0.2))


def write_points() -> None:
    Path("edit.json").write_text(json.dumps(dk.Edit(**EDIT).to_dict()))
    rows = {"handle": [[80, 140]], "target": [[95, 150]]}
    write_dragbench(Path("DragBench/animals/JH_1"))
    Path("freedragbench.jsonl").write_text(json.dumps({"seed": 7, "points": rows}) + "\n")


def write_latents() -> None:
    np.save("latents.npy", {"face.jpg": [(W + i).numpy() for i in range(5)]})
    torch.save(torch.stack([W + i for i in range(4)]), "latents.pt")
    np.savez("projected_w.npz", w=W[None].numpy())
    others = {"noise": [torch.zeros(1, 1, 4, 4)], "img": torch.zeros(3, 16, 16)}
    images = {"face.png": others | {"latent": W}, "other.png": others | {"latent": W + 1}}
    torch.save(images, "projector.pt")
    np.save("w.npy", W[0].numpy())
    np.save("codes.npy", W[None].numpy())
    save_file({"latent": W}, "wp.safetensors")
    Path("embeddings/PTI/face").mkdir(parents=True)
    torch.save(W[None], "embeddings/PTI/face/0.pt")


def write_generators() -> None:
    write_nvidia(Path("ffhq.pkl"), MADE)
    write_nvidia(Path("stylegan2_lions_512_pytorch.pkl"), MADE)
    pair = {
        name: persistent(made, _init_kwargs=arguments(made))
        for name, made in {"G": MADE, "G_ema": network(16, seed=5)}.items()
    }
    write(Path("exported.pkl"), pair)
    write_nvidia(Path("stylegan_human.pkl"), network(16, first=(4, 2)), square=False)
    write_tensorflow(Path("karras2019stylegan2.pkl"), MADE)
    theirs = rosinality(MADE)
    torch.save({"g_ema": theirs, "latent_avg": AVERAGE}, "550000.pt")
    behind = {f"decoder.{name}": tensor for name, tensor in theirs.items()}
    encoder = {"encoder.body.0.bias": torch.zeros(4)}
    torch.save({"state_dict": behind | encoder, "latent_avg": AVERAGE}, "e4e_ffhq_encode.pt")
    with foreign_modules():
        torch.save(persistent(MADE, _init_kwargs=arguments(MADE)), "model_XKQ_face.pt")


def write_pipelines() -> None:
    folder = write_sd(Path("stable-diffusion-v1-5"))
    write_xl(Path("stable-diffusion-xl-base-1.0"))
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    save_file(kohya(unet, "lora_unet_", ".attn"), "style.safetensors")
    write_single_file(Path("v1-5-pruned-emaonly.safetensors"), folder)

    names = "folder-with-shards", "folder-of-fp16"
    sharded, half = (shutil.copytree(folder, Path(name)) for name in names)
    shutil.rmtree(sharded / "unet")
    unet.save_pretrained(sharded / "unet", max_shard_size="400KB")
    for file in list(half.rglob("*.safetensors")):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))

    shutil.copytree(folder, Path(HUB, "snapshots", "new"))
    Path(HUB, "snapshots", "old").mkdir()
    Path(HUB, "refs").mkdir()
    Path(HUB, "refs", "main").write_text("new")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, and the home, with every file that the page names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for parts in (write_images, write_points, write_latents, write_generators, write_pipelines):
        parts()
    return tmp_path


# What each line promises: a part of it → whether the value that it gives is so


def is_generator(model) -> bool:
    """Whether it draws what the generator in the files draws."""
    expected = MADE.synthesis(W[None])[0].add(1).div(2).clamp(0, 1)
    return torch.allclose(model.finish(W.to(model.device)).cpu(), expected, atol=1e-4)


def is_edit(edit) -> bool:
    points = torch.cat([edit.handles, edit.targets]).tolist()
    return points == EDIT["handles"] + EDIT["targets"]


def is_masked(edit) -> bool:
    return is_edit(edit) and torch.equal(edit.mask, torch.from_numpy(FREE).float())


def is_carried(value) -> bool:
    image, edit = value
    inside = edit.fit((16, 16)).mask.mean()
    return image.shape == (3, 16, 16) and 0.3 < inside < 0.7  # 80 to 200 of 40 to 200 across


def is_near_a_photo(size) -> bool:
    """Multiples of 8, as many pixels as 512 × 512, and 245 / 163 as wide as high."""
    height, width = size
    multiples = height % 8 == 0 and width % 8 == 0
    return multiples and 0.97 < height * width / 512**2 < 1.03 and abs(width / height - 1.5) < 0.02


def is_in_place(value) -> bool:
    """Whether the points are where the photo has them, to a pixel; crop keeps the middle."""
    image, edit = value
    height, width = image.shape[1:]
    scale = max(height / 163, width / 245)
    x, y = edit.handles[0].tolist()
    middle = torch.tensor([(x + 0.5 - width / 2) / scale, (y + 0.5 - height / 2) / scale])
    return torch.allclose(middle, torch.tensor([140.5 - 245 / 2, 80.5 - 163 / 2]), atol=1)


def is_benchmark(tasks) -> bool:
    handles = [list(map(float, point)) for point in POINTS[::2]]
    return [task.edit.handles.tolist() for task in tasks] == [handles]


def is_row(latent, expected=W) -> bool:
    return latent.dtype == torch.float32 and torch.equal(latent.cpu(), expected)


def is_inversion(found) -> bool:
    return found.latent.shape == (6, 8) and found.image.shape == (3, 16, 16)


def is_tuned(found) -> bool:
    return is_inversion(found) and not is_generator(found.model)


def is_sd(model, size=(512, 512), dtype=torch.float32) -> bool:
    grid = tuple(side // 8 for side in size)
    types = {weight.dtype for weight in model.unet.parameters()}
    return model.size == size and model.latent_shape == (4, *grid) and types == {dtype}


def first_layer(model) -> torch.Tensor:
    return model.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight


PROMISES = {
    'model = dk.load("ffhq.pkl")': is_generator,
    'mask="mask.png")': is_masked,
    'dk.carry("photo.jpg"': is_carried,
    "dk.invert(model, image)": is_inversion,
    "dk.tune(found)": is_tuned,
    "dk.Trace(": lambda trace: len(trace) and trace[-1].image.shape == (16, 16, 3),
    '"dragged.png"': lambda _: Image.open("dragged.png").size == (16, 16),
    'trace.save("runs/mine")': lambda _: bool(len(dk.Trace.load("runs/mine"))),
    "photo = read_image": lambda photo: photo.shape == (3, 163, 245),
    "scale =": lambda scale: scale == pytest.approx(512 / (163 * 245) ** 0.5),
    "size = tuple(": is_near_a_photo,
    "size=size)": lambda model: is_near_a_photo(model.size),
    "dk.Edit([(140, 80)], [(150, 95)])": is_edit,
    "dk.carry(photo": is_in_place,
    'fit="pad")': is_inversion,
    "handles, targets =": lambda value: value == ([(140, 80)], [(150, 95)]),
    'targets, "mask.png")': is_masked,
    'targets, Image.open("mask.png"))': is_masked,
    'np.asarray(Image.open("mask.png"))': is_masked,
    'np.load("probabilities.npy") > 0.5': is_masked,
    "davis.png": is_masked,
    "voc.png": is_masked,
    "for y, x in": is_edit,
    "handles = np.array(": lambda points: points.tolist() == [[119.5, 39.5]],
    "dk.Edit.from_dict(": is_edit,
    'read("DragBench")': is_benchmark,
    'read("freedragbench.jsonl")': lambda tasks: (
        [task.seed for task in tasks] == [7] and is_edit(tasks[0].edit)
    ),
    '"latents.pt", which=3': lambda latent: is_row(latent, W + 3),
    '"latents.npy"': lambda latent: is_row(latent, W + 4),
    '"projected_w.npz"': is_row,
    'which="face.png"': is_row,
    '"w.npy"': lambda latent: is_row(latent, W[:1].expand(6, -1)),
    '"wp.safetensors"': is_row,
    'np.load("codes.npy")': lambda codes: codes.shape == (1, 6, 8),
    "relative=True": lambda latent: is_row(latent, W + AVERAGE),
    'dk.load("model_XKQ_face.pt")': is_generator,
    "embeddings/PTI": is_row,
    "dk.tune(dk.invert": is_tuned,
    'found.save("runs/face")': lambda _: Path("runs/face.safetensors").is_file(),
    'dk.Inversion.load("runs/face")': is_tuned,
    'dk.invert(model, "face.jpg")': is_inversion,
    'found.save("runs/face-latent")': lambda _: (
        Path("runs/face-latent.safetensors").stat().st_size < 20_000
    ),
    '"runs/face-latent", model)': lambda found: is_inversion(found) and is_generator(found.model),
    'dk.load("stylegan2_lions_512_pytorch.pkl")': is_generator,
    'dk.load("karras2019stylegan2.pkl")': is_generator,
    'dk.load("550000.pt")': is_generator,
    'dk.load("e4e_ffhq_encode.pt")': is_generator,
    'which="G")': is_generator,
    'dk.load("stylegan_human.pkl")': lambda model: model.size == (16, 8),
    "dk.convert(": lambda path: path.name == "stylegan2_lions_512_pytorch.safetensors",
    "dk.load(file)": is_generator,
    'v1-5", prompt="a lion")': is_sd,
    "size=(512, 768)": lambda model: is_sd(model, (512, 768)),
    'dtype="bfloat16"': lambda model: is_sd(model, dtype=torch.bfloat16),
    'dk.load("folder-with-shards")': is_sd,
    'dk.load("folder-of-fp16")': is_sd,
    "models--owner--name": is_sd,
    "v1-5-pruned-emaonly.safetensors": is_sd,
    "lora_weight=0.8": is_sd,
    "xl-base-1.0": lambda model: is_sd(model, (1024, 1024)) and model.feature_block == 2,
}


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def value_of(statement: ast.stmt, names: dict):
    """Run a statement; what it assigns, as a tuple where that is several things."""
    exec(compile(ast.Module([statement], []), PAGE.name, "exec"), names)
    if not isinstance(statement, ast.Assign):
        return None
    return eval(ast.unparse(statement.targets[0]), names)


@pytest.mark.filterwarnings("ignore:.* can probably not make this image")
@pytest.mark.filterwarnings("ignore:'face.jpg' has 5 latents, the steps of an encoder")
def test_every_line_does_what_it_says(folder):
    names: dict = {}
    open_promises = dict(PROMISES)
    for block in blocks():
        for statement in ast.parse(block).body:
            value = value_of(statement, names)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                continue
            line = ast.get_source_segment(block, statement)
            promised = next((part for part in open_promises if part in line), None)
            assert promised, f"no promise is known of: {line}"
            assert open_promises.pop(promised)(value), line
    assert not open_promises, "the page has no such line"


def test_a_lora_and_a_prompt_make_a_difference_and_how_the_weights_lie_makes_none(folder):
    base = dk.load("stable-diffusion-v1-5")
    lora = dk.load("stable-diffusion-v1-5", lora="style.safetensors", lora_weight=0.8)
    prompted = dk.load("stable-diffusion-v1-5", prompt="a lion")
    assert not torch.equal(first_layer(base), first_layer(lora))
    assert not torch.equal(base.text, prompted.text)
    single = dk.load("v1-5-pruned-emaonly.safetensors", config="stable-diffusion-v1-5")
    for same in (
        single,
        dk.load("folder-with-shards"),
        dk.load("folder-of-fp16"),
        dk.load(f"~/{HUB}"),
    ):
        assert torch.equal(first_layer(same), first_layer(base))
        assert torch.equal(same.text, base.text)


def test_a_line_warns_of_nothing_that_the_page_does_not_say(folder):
    """Of the generators and latents, which are read with warnings as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("ffhq.pkl", "550000.pt", "e4e_ffhq_encode.pt", "model_XKQ_face.pt"):
            model = dk.load(name)
        dk.latent(model, "latents.pt", which=3)
        dk.Edit(**EDIT, mask="mask.png")
