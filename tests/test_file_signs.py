"""What a file really is, wherever a file of somebody else's is opened."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save, save_file

import dragkit as dk
from dragkit import bench
from dragkit.file_signs import kind_by_head, stand_in
from dragkit.images import read_image
from dragkit.masks import read_mask
from dragkit.models.safetensors_header import read_header
from dragkit.numeric import size_in_words
from dragkit.reading import read_json
from dragkit.tasks.landmarks import open_landmarks

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3438167534\n"
LION = dk.load("lion")
STAND_INS = {
    b"": "is empty",
    LFS: r"is a Git-LFS pointer, not the file of 3\.44 GB that it points to; run `git lfs pull`",
    LFS.replace(b"3438167534", b"12345"): r"not the file of 12\.3 kB",
    b"\xef\xbb\xbf\n <!DOCTYPE html><html>Sign in": r"is a web page \(HTML\)",
    b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>': "is a web page",
    b'{"error": "Unauthorized"}': 'text that begins with \'{"error": "Unauthorized"}\'.* account',
    b"Entry not found": "text that begins with 'Entry not found'",
}
READERS = {
    "dk.load": dk.load,
    "dk.latent": lambda path: dk.latent(LION, path),
    "dk.Inversion.load": dk.Inversion.load,
    "image": read_image,
    "image's bytes": lambda path: read_image(path.read_bytes()),
    "mask": read_mask,
    "landmarks": open_landmarks,
}


def bytes_of(save_it) -> bytes:
    out = io.BytesIO()
    save_it(out)
    return out.getvalue()


@pytest.mark.parametrize("content", STAND_INS, ids=range(len(STAND_INS)))
@pytest.mark.parametrize("reader", READERS)
def test_a_text_in_place_of_a_file_is_called_what_it_is(tmp_path, reader, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=STAND_INS[content]):
        READERS[reader](path)


def test_json_may_be_a_text_but_no_pointer(tmp_path):
    path = tmp_path / "edit.json"
    path.write_bytes(LFS)
    with pytest.raises(ValueError, match="edit.json is a Git-LFS pointer"):
        read_json(path, 1000)
    path.write_text("{")
    with pytest.raises(ValueError, match="is not JSON that dragkit reads"):
        read_json(path, 1000)


KINDS = {
    "a pickle": bytes_of(lambda f: torch.save(1, f, _use_new_zipfile_serialization=False)),
    "a zip archive, as torch writes its files": bytes_of(lambda f: torch.save(1, f)),
    "an array of NumPy's (.npy)": bytes_of(lambda f: np.save(f, np.zeros(3))),
    "an archive of NumPy's arrays (.npz)": bytes_of(lambda f: np.savez(f, w=np.zeros(3))),
    "a file of safetensors": save({"a": torch.zeros(3)}),
    "a file that begins with 70 6b 00 01": b"pk\0\1",
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_told_by_how_they_begin(kind):
    assert kind_by_head(KINDS[kind][:512]) == kind
    assert stand_in(KINDS[kind][:512]) is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_images_are_told_by_how_they_begin(form):
    head = bytes_of(lambda f: Image.new("RGB", (3, 2)).save(f, form))[:512]
    assert kind_by_head(head) == "an image"
    assert stand_in(head) is None


def test_a_text_cut_in_a_letter_is_still_a_text():
    assert "begins with 'äää" in stand_in(("ä" * 400).encode()[:511]).says
    assert stand_in("ä".encode("latin-1") * 5) is None


def test_a_file_that_is_shorter_than_its_header_says_is_cut_short(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    message = f"cut short: it has {len(whole) - 40} bytes, and its header promises {len(whole)}"
    with pytest.raises(ValueError, match=message):
        read_header(path)
    with pytest.raises(ValueError, match=message):
        dk.load(path)


def test_a_file_that_goes_on_behind_its_numbers_is_too_long(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"more")
    message = f"too long: it has {len(whole) + 4} bytes, and its header promises {len(whole)}"
    with pytest.raises(ValueError, match=message):
        read_header(path)
    with pytest.raises(ValueError, match=message):
        dk.load(path)


@pytest.mark.parametrize(
    ("content", "message"), [(LFS, "is a Git-LFS pointer"), (b"<!DOCTYPE html>", "is a web page")]
)
def test_a_file_of_tasks_is_no_pointer_and_no_page(tmp_path, content, message):
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"tasks.jsonl {message}"):
        bench.read(path)


def test_a_header_whose_places_are_nonsense_is_left_to_the_library(tmp_path):
    path = tmp_path / "a.safetensors"
    for places in (None, [], ["a", "b"], [0, 1, 2], 5):
        text = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": places}}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        assert read_header(path).end == 0


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_999, "1 MB"),
        (6_410_000, "6.41 MB"),
        (99_940_000, "99.9 MB"),
        (99_960_000, "100 MB"),
        (1.5e11, "150 GB"),
        (1.5e13, "15000 GB"),
    ],
)
def test_sizes_in_words(count, words):
    assert size_in_words(count) == words
