"""Images in a row or in a column."""

from __future__ import annotations

from PIL import Image

from .marks import WHITE


def hstack(*images: Image.Image, gap: int = 12) -> Image.Image:
    """Put images in a row, `gap` pixels apart, on white."""
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), WHITE)

    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return sheet


def vstack(*images: Image.Image, gap: int = 12) -> Image.Image:
    """Put images in a column, `gap` pixels apart, on white."""
    height = sum(image.height for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (max(image.width for image in images), height), WHITE)

    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height + gap
    return sheet


def in_rows(sheet: Image.Image, panels: int, beside: int) -> Image.Image:
    """A sheet of so many panels beside each other, with only a few of them beside each other."""
    width = sheet.width // panels * beside
    rows = [
        sheet.crop((left, 0, min(left + width, sheet.width), sheet.height))
        for left in range(0, sheet.width, width)
    ]
    return vstack(*rows, gap=0)
