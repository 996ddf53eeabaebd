"""What an image shows, in words below it."""

from __future__ import annotations

from PIL import Image, ImageDraw

from .marks import INK, WHITE, font
from .stacking import vstack

LINE = 18  # pixels from one line of text to the next
TEXT = 13  # height of the text, in pixels


def captioned(image: Image.Image, text: str) -> Image.Image:
    """The image with `text` below it, in as many lines as it takes."""
    lines = _lines(text, image.width)
    if not lines:
        return image
    sheet = Image.new("RGB", (image.width, LINE * len(lines)), WHITE)
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(lines):
        draw.text((2, LINE * i + LINE // 2), line, INK, font(TEXT), anchor="lm")
    return vstack(image, sheet, gap=6)


def _lines(text: str, width: int) -> list[str]:
    """The words of `text` in lines of at most `width` pixels, one word at least."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(TEXT).getlength(longer) <= width - 4:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
