"""The page "Bring your own", run line by line with small files under the names on it."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import dragkit as dk
from tests import checkpoint_files

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.lora_files import kohya
from tests.single_files import write_single_file
from tests.tiny_pipelines import tiny_unet, write_sd, write_xl

PAGE = Path(__file__).parents[1] / "dragkit" / "BRING_YOUR_OWN.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all the files that the page names."""
    path = tmp_path_factory.mktemp("bring")
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (80, 120, 3), dtype=np.uint8)).save(path / "photo.jpg")
    Image.new("L", (120, 80), 255).save(path / "mask.png")

    made = checkpoint_files.network()
    checkpoint_files.write_nvidia(path / "network-snapshot.pkl", made)
    torch.save({"g_ema": checkpoint_files.rosinality(made)}, path / "550000.pt")
    human = checkpoint_files.network(first=(4, 2))
    checkpoint_files.write_nvidia(path / "stylegan_human.pkl", human)
    _write_latents(path, made.synthesis.num_ws, len(made.mapping.w_avg))

    pipeline = write_sd(path / "stable-diffusion-v1-5")
    write_xl(path / "stable-diffusion-xl")
    snapshot = path / "models--someone--sd" / "snapshots" / "0123abc"
    shutil.copytree(pipeline, snapshot)
    save_file(kohya(tiny_unet(), "lora_unet_", ".attn"), path / "style.safetensors")
    write_single_file(path / "v1-5.safetensors", pipeline)
    return path


def _write_latents(path: Path, rows: int, numbers: int) -> None:
    latents = torch.randn(3, rows, numbers, generator=torch.Generator().manual_seed(0))
    torch.save(latents[:1], path / "pivot.pt")
    torch.save(latents, path / "latents.pt")
    np.savez(path / "projected_w.npz", w=latents[:1].numpy())


@pytest.fixture(scope="module")
def names(folder):
    """What the page's lines leave behind, all run in their order."""
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning):
        patch.chdir(folder)
        left: dict = {}
        for block in BLOCKS:
            exec(block, left)
        return left


def test_every_line_runs_and_keeps_what_the_page_says(names, folder):
    assert names["height"] == 2 * names["width"] == 16
    assert names["xl"].size == names["sd"].size == (64, 64)
    assert names["image"].shape == (3, 64, 64)
    assert 1 <= len(names["trace"]) <= 3
    assert (folder / "runs").is_dir() and names["found"].model.name


def test_picture_points_and_mask_are_carried_together(folder):
    edit = dk.Edit(handles=[(60, 40)], targets=[(70, 40)], mask=str(folder / "mask.png"))
    image, carried = dk.carry(folder / "photo.jpg", edit, size=(64, 96), fit="crop")
    assert image.shape == (3, 64, 96) and carried.mask.shape == (64, 96)
    with pytest.raises(ValueError, match="would fall off"):
        dk.carry(folder / "photo.jpg", dk.Edit([(1, 1)], [(60, 40)]), size=64, fit="crop")


def test_names_of_files_on_the_page_are_in_the_folder(folder):
    named = set(re.findall(r'"([\w./-]+\.(?:jpg|png|pkl|pt|npz|safetensors))"', "".join(BLOCKS)))
    assert named and all((folder / name).is_file() for name in named)


def test_refused_things_are_told_as_the_table_says(folder):
    assert len(re.findall(r"^\| ", TEXT, re.MULTILINE)) >= 8
    (folder / "pictures.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    with pytest.raises(ValueError, match="HEIC"):
        dk.images.read_image(folder / "pictures.heic")
