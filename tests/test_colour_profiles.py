"""The colours of a photo are those that its profile means."""

import io
import struct
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from dragkit.images import read_image
from dragkit.masks import read_mask

COLOURS = np.array([[[120, 200, 80], [255, 0, 0], [255, 255, 255], [0, 0, 0]]], np.uint8)


def number(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(number, values))


def profile(space: bytes, tags: dict[bytes, bytes], name: bytes = b"P3") -> bytes:
    """An ICC profile of version 2, for a screen."""
    length = struct.pack(">I", len(name) + 1)
    tags = {b"desc": b"desc\0\0\0\0" + length + name + bytes(79)} | tags
    tags |= {b"wtpt": xyz(0.9642, 1, 0.8249), b"cprt": b"text\0\0\0\0x\0\0\0"}
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI", start + len(data), b"lcms", 0x02100000)
    head += b"mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += number(0.9642) + number(1) + number(0.8249) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + data


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, int(gamma * 256)) + b"\0\0"


P3 = profile(
    b"RGB ",
    {
        b"rXYZ": xyz(0.5151, 0.2412, -0.0011),
        b"gXYZ": xyz(0.2920, 0.6922, 0.0419),
        b"bXYZ": xyz(0.1571, 0.0666, 0.7841),
        **{name: curve(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")},
    },
)
LINEAR = profile(
    b"RGB ",
    {
        b"rXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
        **{name: curve(1.0) for name in (b"rTRC", b"gTRC", b"bTRC")},
    },
    b"GIMP built-in Linear sRGB",
)
BRIGHTER = profile(b"GRAY", {b"kTRC": curve(1.0)})
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def expected_of(colour) -> np.ndarray:
    """Its linear light, by way of XYZ in sRGB's primaries; white is D50 for both."""
    primaries = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [0, 0.0419, 0.7841]])
    of_srgb = np.array(
        [[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]
    )
    light = np.linalg.solve(of_srgb, primaries @ (np.array(colour) / 255) ** 2.2).clip(0, 1)
    return 255 * np.where(light < 0.0031, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def saved(image: Image.Image, icc: bytes, form: str = "PNG", **settings) -> bytes:
    out = io.BytesIO()
    image.save(out, form, icc_profile=icc, **settings)
    return out.getvalue()


def read(content) -> list[list[int]]:
    return (read_image(content)[:, 0].T * 255).round().int().tolist()


def test_display_p3_becomes_srgb():
    """Green is beyond sRGB's, so less of the other two is left; white and black stay."""
    content = saved(Image.fromarray(COLOURS), P3)
    green, red, white, black = read(content)
    np.testing.assert_allclose(green, expected_of(COLOURS[0, 0]), atol=1.5)
    assert red == [255, 0, 0] and white == [255, 255, 255] and black == [0, 0, 0]
    assert read(Image.open(io.BytesIO(content))) == [green, red, white, black]


def test_with_transparency_and_a_palette_the_colours_are_the_same():
    expected = read(saved(Image.fromarray(COLOURS), P3))
    palette = Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE)
    assert read(saved(palette, P3)) == expected
    seen = Image.fromarray(np.dstack([COLOURS, np.full((1, 4, 1), [255], np.uint8)]))
    seen.putpixel((3, 0), (9, 9, 9, 0))
    assert read(saved(seen, P3)) == [*expected[:3], [255, 255, 255]]


def test_a_grey_photo_has_a_profile_of_greys():
    grey = Image.new("L", (1, 1), 55)
    assert read(saved(grey, BRIGHTER)) == [[128] * 3]  # linear light 55/255 in sRGB
    seen = Image.merge("LA", (Image.new("L", (2, 1), 55), Image.fromarray(np.uint8([[255, 0]]))))
    assert read(saved(seen, BRIGHTER)) == [[128] * 3, [255] * 3]


def test_a_profile_is_judged_by_its_curves_and_not_by_its_name():
    content = saved(Image.new("RGB", (1, 1), (55, 55, 55)), LINEAR)
    assert read(content) == [[128] * 3]


@pytest.mark.parametrize("icc", [SRGB, b"nonsense" * 40, P3[:200], BRIGHTER, bytes(5 << 20)])
def test_srgb_and_what_is_no_profile_of_such_an_image_change_nothing(icc):
    image = Image.fromarray(COLOURS)
    image.info["icc_profile"] = icc
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(image) == COLOURS[0].tolist()


def test_a_mask_has_no_colours():
    grey = Image.fromarray(np.array([[0, 255, 120]], np.uint8))
    grey.info["icc_profile"] = BRIGHTER
    with pytest.warns(UserWarning, match="grey"):
        assert torch.equal(read_mask(grey), torch.tensor([[0.0, 1, 0]]))
