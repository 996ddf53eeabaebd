"""Images of every make are read as what a person sees."""

import io
import re
import struct
import subprocess
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

import dragkit as dk
from dragkit.images import read_image
from dragkit.masks import read_mask
from dragkit.placement import near_sizes

CORNERS = np.zeros((16, 24, 3), np.uint8)  # red, green / blue, white quarters
CORNERS[:8, :12], CORNERS[:8, 12:], CORNERS[8:, :12], CORNERS[8:, 12:] = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    255,
)
UPRIGHT = {  # EXIF's orientation → how the stored pixels must be turned to stand upright
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def quarters(image) -> list:
    """The colours in the middle of the four quarters, in reading order."""
    q = image.shape[-1] // 4
    return [[round(v, 2) for v in image[:, y, x].tolist()] for y in (q, 3 * q) for x in (q, 3 * q)]


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_photo_stands_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(CORNERS).save(tmp_path / "p.png", exif=exif)
    expected = read_image(np.ascontiguousarray(UPRIGHT[orientation](CORNERS)), 8)
    assert torch.equal(read_image(tmp_path / "p.png", 8), expected)
    assert torch.equal(read_image(str(tmp_path / "p.png"), 8), expected)


def test_crop_keeps_the_middle_and_pad_the_whole():
    wide = np.full((10, 30, 3), 128, np.uint8)
    wide[:, :10], wide[:, 20:] = (255, 0, 0), (0, 0, 255)  # the middle third is grey
    cropped = read_image(wide, 10)
    assert cropped.shape == (3, 10, 10) and (cropped - 128 / 255).abs().max() < 1e-6
    padded = read_image(wide, 12, "pad")  # the image is 12 x 4, rows 4 to 7
    torch.testing.assert_close(padded[:, 5, 0], torch.tensor([1.0, 0, 0]), atol=0.02, rtol=0)
    assert (padded[:, 5, -1] - torch.tensor([0, 0, 1.0])).abs().max() < 0.02
    border = padded[:, :4].flatten(1)
    assert (border - border[:, :1]).abs().max() < 1e-6  # one colour: the mean of the edge
    torch.testing.assert_close(border[:, 0], padded[:, 4].mean(1))
    tall = read_image(wide.swapaxes(0, 1), 12, "pad")
    torch.testing.assert_close(tall, padded.swapaxes(1, 2))


def test_a_very_long_image_keeps_a_pixel():
    assert read_image(np.zeros((2, 900, 3), np.uint8), 16, "pad").shape == (3, 16, 16)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_what_is_transparent_is_white(tmp_path, mode):
    alpha = np.zeros((8, 8, 4), np.uint8)
    alpha[:, :4, 3] = 255  # black at the left, nothing at the right
    image = Image.fromarray(alpha)
    if mode == "P":
        image = image.quantize(4)
        image.save(tmp_path / "p.png", transparency=int(np.asarray(image)[0, -1]))
    else:
        (
            image.convert(mode).save(tmp_path / "p.png")
            if mode != "PA"
            else image.save(tmp_path / "p.png")
        )
    read = read_image(tmp_path / "p.png", 8)
    assert read[:, :, :4].max() < 0.02 and read[:, :, 4:].min() > 0.98


def test_half_transparent_floats_are_laid_over_white():
    array = np.zeros((4, 4, 4))
    array[..., 3] = 0.25
    torch.testing.assert_close(read_image(array, 4), torch.full((3, 4, 4), 0.75))


def test_grey_of_every_depth_is_the_same_three_times(tmp_path):
    grey = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)
    expected = torch.from_numpy(grey / np.float32(255)).expand(3, 8, 8)
    for array in (grey, grey / 255, np.float32(grey) / 255):
        torch.testing.assert_close(read_image(array, 8), expected, atol=1e-6, rtol=0)
    for image in (Image.fromarray(grey), Image.fromarray(grey.astype(np.uint16) * 257)):
        image.save(tmp_path / "g.png")
        torch.testing.assert_close(read_image(tmp_path / "g.png", 8), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_every_mode_of_pillow_is_read(mode):
    image = Image.fromarray(CORNERS).convert("L" if mode in "1IF" else "RGB").convert(mode)
    if mode == "F":
        image = image.point(lambda v: v * (1 / 255))
    read = read_image(image, 8)
    assert read.shape == (3, 8, 8) and read.min() >= 0 and read.max() <= 1


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert quarters(read_image(tmp_path / "a.gif", 8)) == [[1, 0, 0]] * 4


def test_all_kinds_of_one_image_are_the_same(tmp_path):
    Image.fromarray(CORNERS).save(tmp_path / "c.png")
    floats = CORNERS.astype(np.float64) / 255
    expected = read_image(tmp_path / "c.png", 16)
    assert quarters(expected) == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    kinds = [
        Image.fromarray(CORNERS),
        CORNERS,
        floats,
        torch.from_numpy(floats).float().permute(2, 0, 1),
        CORNERS[::-1][::-1],
    ]
    for kind in kinds:
        torch.testing.assert_close(read_image(kind, 16), expected, atol=0.5 / 255 + 1e-6, rtol=0)


def test_a_image_of_the_right_size_is_itself():
    image = torch.rand(3, 16, 16)
    for fit in ("crop", "pad"):
        torch.testing.assert_close(read_image(image, 16, fit), image, atol=1e-6, rtol=0)


def test_making_smaller_averages():
    """A chequerboard of single pixels is grey from afar; picking pixels would make it black or
    white.
    """
    board = np.indices((128, 128)).sum(0) % 2 * np.uint8(255)
    assert (read_image(board.astype(np.uint8), 16)[:, 2:-2, 2:-2] - 0.5).abs().max() < 0.01


def test_what_is_given_stays_as_it_is():
    image, array = Image.fromarray(CORNERS).convert("RGBA"), CORNERS.copy()
    read_image(image, 8), read_image(array, 8)
    assert image.mode == "RGBA" and image.size == (24, 16) and (array == CORNERS).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            np.full((4, 4, 3), 200.0),
            "the array has values from 200 to 200; bring floats into 0..1",
        ),
        (np.full((4, 4), -0.5), "values from -0.5 to -0.5"),
        (np.full((4, 4), np.nan), "the array has 16 values that are NaN or infinite"),
        (
            np.zeros((4, 4), np.int64),
            "the array holds int64; give uint8 in 0..255 or floats in 0..1",
        ),
        (np.zeros((3, 8, 8)), r"the array has shape \(3, 8, 8\); an image is \(H W\)"),
        (np.zeros((0, 4, 3)), r"the array has shape \(0, 4, 3\)"),
        (np.zeros(4), r"the array has shape \(4,\)"),
        (torch.zeros(4, 4, 3), r"the tensor has shape \(4, 4, 3\); an image is \(3 H W\)"),
        (torch.zeros(3, 0, 4), r"the tensor has shape \(3, 0, 4\)"),
        (
            torch.zeros(3, 4, 4, dtype=torch.int16),
            "the tensor holds torch.int16; give uint8 in 0..255, or floats in 0..1",
        ),
        (torch.full((3, 4, 4), 2.0), "the tensor has values from 2 to 2"),
    ],
)
def test_arrays_that_are_no_images_are_told(image, message):
    with pytest.raises(ValueError, match=message):
        read_image(image, 8)


def test_other_things_are_told():
    with pytest.raises(TypeError, match="cannot be read from int; give a path"):
        read_image(5, 8)
    with pytest.raises(ValueError, match="unknown fit 'stretch'; choose \"crop\""):
        read_image(CORNERS, 8, "stretch")
    with pytest.raises(ValueError, match="size is 0"):
        read_image(CORNERS, 0)


@pytest.mark.parametrize("mode", ["L", "I", "F", "RGB", "P", "CMYK"])
def test_grey_stays_grey_in_every_mode(mode):
    grey = Image.new("L", (16, 16), 102)
    image = (
        Image.fromarray(np.full((16, 16), 0.4, np.float32))
        if mode == "F"
        else grey.convert("RGB").convert(mode)
        if mode in ("P", "CMYK")
        else grey.convert(mode)
    )
    assert (read_image(image, 8) - 0.4).abs().max() < 0.02
    deep = Image.fromarray(np.full((16, 16), 26214, np.uint16))
    assert (read_image(deep, 8) - 0.4).abs().max() < 0.01


def test_the_bytes_of_a_file_are_read_as_the_file_is(tmp_path):
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (20, 30, 3), np.uint8)).save(
        tmp_path / "a.png"
    )
    torch.testing.assert_close(
        read_image((tmp_path / "a.png").read_bytes(), 8), read_image(tmp_path / "a.png", 8)
    )
    with pytest.raises(ValueError, match="the file is not an image, but a text"):
        read_image(b"x", 8)


def test_files_that_are_no_images_are_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no file .*gone.png"):
        read_image(tmp_path / "gone.png", 8)
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read_image(tmp_path, 8)
    (tmp_path / "t.png").write_text("hello")
    with pytest.raises(ValueError, match="t.png is not an image, but a text that"):
        read_image(tmp_path / "t.png", 8)
    Image.fromarray(np.random.randint(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:5000])
    with pytest.raises(ValueError, match="cut.png cannot be read: "):
        read_image(tmp_path / "cut.png", 8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(CORNERS).save(tmp_path / "big.png")
    with pytest.raises(ValueError, match="big.png has more than .* pixels; make it smaller"):
        read_image(tmp_path / "big.png", 8)


# Files that are made to harm


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of black pixels, packed: of 10,000 x 10,000 pixels it has 100 KB."""
    row = bytes(1 + width)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def saved(image: Image.Image, form: str, **settings) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **settings)
    return file.getvalue()


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    content = saved(Image.new("L", (16, 16)), "JPEG", progressive=True)
    tables = content.rfind(b"\xff\xc4")
    return content[:-2] + content[tables:-2] * count + content[-2:]


def refuse_to_decode(*_):
    raise AssertionError("it was decoded")


@pytest.mark.parametrize(
    ("image", "limit"),
    [
        (png(8000, 6300), "8000 × 6300 pixels, more than 50,000,000; make it smaller"),
        (saved(Image.new("LA", (5000, 5000)), "PNG"), r"24,000,000 \(.*transparency"),
        (saved(Image.new("I;16", (5000, 5000)), "PNG"), r"24,000,000 \(in floats, 16 bits"),
        (np.broadcast_to(np.uint8(0), (10**6, 10**6)), "1000000 × 1000000 .* than 50,000,000"),
        (np.broadcast_to(0.5, (10**6, 10**6, 3)), "1000000 × 1000000 .* than 24,000,000"),
        (torch.zeros(1).expand(3, 10**6, 10**6), "1000000 × 1000000 .* than 24,000,000"),
        (Image.open(io.BytesIO(png(8000, 6300))), "the image has 8000 × 6300 pixels"),
        (many_scans(40), "is a progressive JPEG of more than 30 scans"),
    ],
)
def test_too_many_pixels_are_refused_before_one_is_decoded(monkeypatch, image, limit):
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse_to_decode)
    with pytest.raises(ValueError, match=limit):
        read_image(image, 8)


def test_a_progressive_jpeg_of_a_few_scans_is_read():
    assert read_image(many_scans(2), 8).shape == (3, 8, 8)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%EOF\n"


def test_no_other_program_is_started(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", refuse_to_decode)
    with pytest.raises(ValueError, match="is a page .PDF or PostScript., not an image"):
        read_image(EPS, 8)
    with pytest.raises(ValueError, match=r"a file of format EPS.* image.convert\(\"RGB\"\)"):
        read_image(Image.open(io.BytesIO(EPS)), 8)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_the_usual_formats_are_read_and_told_when_cut(form):
    noise = np.random.RandomState(0).randint(0, 255, (40, 40), np.uint8)
    content = saved(Image.fromarray(noise), form)
    assert read_image(content, 8).shape == (3, 8, 8)
    with pytest.raises(ValueError, match="the file "):
        read_image(content[: len(content) // 2], 8)


def test_a_phones_jpeg_of_two_images_is_read():
    second = Image.new("RGB", (8, 8))
    pair = saved(Image.new("RGB", (8, 8), "red"), "MPO", save_all=True, append_images=[second])
    assert quarters(read_image(pair, 8))[0] == [1, 0, 0]
    assert quarters(read_image(Image.open(io.BytesIO(pair)), 8))[0] == [1, 0, 0]


@pytest.mark.parametrize(
    "bomb",
    [
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(20 << 20))),
        chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(20 << 20))),
    ],
)
def test_texts_and_profiles_that_unpack_to_much_are_told(bomb):
    with pytest.raises(ValueError, match="the file cannot be read: Decompressed data too large"):
        read_image(png(8, 8, bomb), 8)


PIXEL = Image.new("RGB", (1, 1))
MANY = 400_000


@pytest.mark.parametrize(
    "content",
    [
        png(8, 8, chunk(b"tEXt", b"a\0") * MANY),
        png(8, 8, chunk(b"abCd", b"") * MANY),
        saved(PIXEL, "JPEG")[:2] + b"\xff\xfe\0\2" * MANY + saved(PIXEL, "JPEG")[2:],
        saved(PIXEL, "JPEG")[:2] + b"\xff" * 2 * MANY + saved(PIXEL, "JPEG")[2:],
        saved(PIXEL, "GIF")[:19] + b"\x21\xfe\0" * MANY + saved(PIXEL, "GIF")[19:],
    ],
    ids=["texts", "unknown", "comments", "filling", "comments of a GIF"],
)
def test_a_file_in_too_many_parts_is_told(content):
    with pytest.raises(ValueError, match="cannot be read: it takes more than 500,000 reads"):
        read_image(content, 8)


def turned(form: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.fromarray(CORNERS), form, exif=exif)


WHOLE = [turned(form) for form in ("PNG", "JPEG", "TIFF", "WEBP")]
BYTE = st.tuples(st.integers(0, 10**6), st.integers(0, 255))


@given(st.sampled_from(WHOLE), st.lists(BYTE, min_size=1, max_size=4))
def test_a_damaged_file_is_an_image_or_told_to_be_none(whole, changes):
    content = bytearray(whole)
    for place, value in changes:
        content[place % len(content)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of broken EXIF, and reads on
        try:
            assert read_image(bytes(content), 8).shape == (3, 8, 8)
        except ValueError as error:
            assert str(error).startswith("the file")


def test_what_is_no_path_is_no_file():
    for path in ("a" * 5000, "a\0b"):
        with pytest.raises(FileNotFoundError, match="there is no file a"):
            read_image(path, 8)


@pytest.mark.parametrize("size", [1.5, True, "8", 10**6])
def test_a_side_that_is_none_is_told(size):
    with pytest.raises(ValueError, match=f"size is {size!r}; an image's side has 1 to 4096 px"):
        read_image(CORNERS, size)


# Depths, colours and places as they come


def tiff(values: np.ndarray, bits: int) -> bytes:
    """A grey TIFF of whole numbers (H W) with so many bits each, packed."""
    height, width = values.shape
    rows = ["".join(f"{value:0{bits}b}" for value in row) for row in values.tolist()]
    body = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    tags[279] = len(body)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    end = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + end


GREYS = np.linspace(0, 1, 64).reshape(8, 8)


def test_a_tiff_of_12_bits_is_as_bright_as_it_says():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for brightest in (1, 0.25):  # the file says its depth, so a dark one stays dark
            values = np.round(4095 * brightest * GREYS).astype(int)
            read = read_image(tiff(values, 12))
            assert (read - torch.from_numpy(brightest * GREYS)).abs().max() < 1 / 4000


def test_12_bits_in_16_are_read_as_12_and_said(tmp_path):
    values = np.round(4095 * GREYS).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "g.tif")
    for grey in (values, Image.fromarray(values), tmp_path / "g.tif"):
        with pytest.warns(UserWarning, match="at most 4095, so they are taken for 12 bits"):
            assert (read_image(grey) - torch.from_numpy(GREYS)).abs().max() < 1 / 4000


def test_16_bits_are_read_in_full():
    values = np.round(65535 * GREYS).astype(np.uint16)
    for grey in (values, np.dstack([values] * 3), Image.fromarray(values)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (read_image(grey) - torch.from_numpy(GREYS)).abs().max() < 1 / 60000


def test_bytes_of_torch_are_an_image():
    tensor = torch.from_numpy(CORNERS).permute(2, 0, 1)
    assert torch.equal(read_image(tensor), read_image(CORNERS))


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_what_is_made_for_print_has_its_colours(form):
    image = Image.fromarray(CORNERS).resize((96, 64), Image.Resampling.NEAREST).convert("CMYK")
    found = quarters(read_image(saved(image, form), 64, "resize"))
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    assert np.abs(np.subtract(found, expected)).max() < 0.02


@pytest.mark.parametrize(
    ("beginning", "message"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "a HEIC image.*convert it to JPEG.*pillow-heif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1", "a HEIC image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avif", "an AVIF image.*Image.open"),
        (b"8BPS\0\1", "a Photoshop file.*save it as a PNG"),
        (b"<svg xmlns=", "a drawing"),
    ],
)
def test_formats_of_others_are_named_with_the_way_out(tmp_path, beginning, message):
    (tmp_path / "photo").write_bytes(beginning + bytes(100))
    with pytest.raises(ValueError, match=f"photo is {message}"):
        read_image(tmp_path / "photo", 8)


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.fromarray(CORNERS).save(tmp_path / "p.png")
    assert read_image("~/p.png").shape == (3, 16, 24)
    with pytest.raises(FileNotFoundError, match="gone.png"):
        read_image("~/gone.png")


@pytest.mark.parametrize("size", [(8, 24), (24, 8), (16, 24), (5, 7)])
@pytest.mark.parametrize("fit", ["crop", "pad", "resize"])
def test_an_image_of_any_shape_is_made(size, fit):
    read = read_image(CORNERS, size, fit)
    assert read.shape == (3, *size) and read.min() >= 0 and read.max() <= 1
    if size == (16, 24):
        assert torch.equal(read, read_image(CORNERS, size, "native"))


def test_native_is_refused_for_another_size():
    with pytest.raises(
        ValueError, match=r'has 24×16 pixels .* 8×8 are needed; fit="native"'
    ) as caught:
        read_image(CORNERS, 8, "native")
    assert "Stable Diffusion" not in str(caught.value)


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([1, 8, 16]))
def test_the_sizes_that_are_named_are_the_nearest_that_a_network_takes(height, width, cell):
    named = re.findall(r"\((\d+), (\d+)\)", near_sizes((height, width), cell))
    for side, *near in zip((height, width), *(map(int, pair) for pair in named), strict=True):
        assert all(size % cell == 0 and size > 0 for size in near)
        assert near[0] <= max(side, cell) and near[-1] >= side
        assert near[-1] - near[0] < 2 * cell


def test_a_batch_of_one_a_file_of_numpy_and_an_open_file_are_read(tmp_path):
    expected = read_image(CORNERS)
    np.save(tmp_path / "a.npy", CORNERS)
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("rb") as file:
        assert torch.equal(read_image(file), expected)
    content = io.BytesIO((tmp_path / "a.png").read_bytes())
    for same in (expected[None], CORNERS[None], tmp_path / "a.npy", content):
        assert torch.equal(read_image(same), expected)
    with pytest.raises(ValueError, match="the tensor has shape"):
        read_image(torch.stack([expected, expected]))
    with pytest.raises(ValueError, match="open it for bytes"):
        read_image(io.StringIO("x"))


@pytest.mark.parametrize("largest", [255, 4095])
def test_dark_numbers_of_16_bits_are_taken_for_fewer_and_said(largest):
    image = np.array([[0, largest]], np.uint16)
    with pytest.warns(UserWarning, match=f"at most {largest}, so .* bits: {largest} is white"):
        assert read_image(image)[0].tolist() == [[0, 1]]


@pytest.mark.parametrize("address", ["https://example.com/a.jpg", "data:image/png;base64,iVBO"])
def test_an_address_is_told_as_it_was_given(address):
    for reader in (read_image, read_mask, dk.load, dk.Inversion.load):
        with pytest.raises(ValueError, match=f"is '{address}'; nothing is downloaded"):
            reader(address)


def test_a_file_that_is_open_as_a_text_or_at_its_end_is_told(tmp_path):
    Image.new("RGB", (4, 4), (200, 0, 0)).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open(encoding="utf-8") as file:
        for source in (file, io.StringIO("text")):
            with pytest.raises(
                ValueError, match=r'open as a text; open it for bytes: open\(path, "rb'
            ):
                read_image(source)
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    with pytest.raises(ValueError, match=r"or it has been .* to its end; .* file.seek\(0\)"):
        read_image(content)
    content.seek(0)
    assert read_image(content).shape == (3, 4, 4)
