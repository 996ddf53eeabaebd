"""What an image shows, in words below it."""

from __future__ import annotations

from PIL import Image, ImageDraw

from .marks import INK, WHITE, font
from .stacking import vstack

POINTS = "Orange dot: the handle. Blue rings: its target."
PATH = "Yellow line: its path so far."
INSET = (
    "Small square and inset: what the tracker compared, bright where it matches; black ring: the"
    " best match."
)

LINE = 18  # pixels from one line of text to the next
PALENESS = 0.6  # share of white in an image that is no longer the present one
TEXT = 13  # height of the text, in pixels


def marks_in_words(inset: bool = False) -> str:
    """What the marks on a run's images mean; with `inset`, a score window's, too."""
    return f"{POINTS} {PATH} {INSET}" if inset else f"{POINTS} {PATH}"


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


def faded(image: Image.Image, words: str) -> Image.Image:
    """The image in pale, because it is no longer the present one, with `words` in a corner."""
    pale = Image.blend(image, Image.new("RGB", image.size, WHITE), PALENESS)
    size = max(round(image.height / 24), 10)
    box = (0, 0, font(size).getlength(words) + size, 1.5 * size)
    draw = ImageDraw.Draw(pale)
    draw.rectangle(box, WHITE)
    draw.text((size / 2, 0.75 * size), words, INK, font(size), anchor="lm")
    return pale


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
