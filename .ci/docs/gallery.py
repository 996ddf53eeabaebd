"""The gallery: twelve recorded runs, each as a page that needs no kernel."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import dragkit as dk
from dragkit.models import zoo
from dragkit.runs.drawing import draw_frame

FOLDER = "gallery"  # in the built site
SIDE = 224  # of the small images, in pixels


@dataclass(frozen=True)
class Show:
    """A page of the gallery.

    Attributes:
        title: above it.
        words: what to look for.
        runs: the names of bundled runs, by what they are called on the page.
    """

    title: str
    words: str
    runs: dict[str, str]


SHOWS = {
    "tour": Show(
        "The tour's drag",
        "DragGAN pulls the chin of a lion of 256 px down. Watch the distance fall.",
        {"DragGAN": "tour"},
    ),
    "held": Show(
        "The same drag with a mask",
        "Only the mouth may move. The mask term grows as the pull meets resistance.",
        {"DragGAN, mask": "held"},
    ),
    "tour-held": Show(
        "Without and with a mask",
        "The same pull twice: what else moves when nothing is held?",
        {"free": "tour", "masked": "held"},
    ),
    "twins": Show(
        "The twin takes the point away",
        "Nearest-neighbour tracking with a window so large that a look-alike is in it.",
        {"nearest neighbour": "twins"},
    ),
    "twins-learned": Show(
        "A learned filter tells the twins apart",
        "StableDrag's filter on the same toy: its score maps have one peak, not two.",
        {"learned": "twins-learned"},
    ),
    "twins-both": Show(
        "The two trackers side by side",
        "Compare where each one's best pixel is when the twins meet.",
        {"nearest neighbour": "twins", "learned": "twins-learned"},
    ),
    "hidden": Show(
        "A point goes out of sight",
        "The corner of an eye turns away. DragGAN arrives, but the corner is not there.",
        {"DragGAN": "hidden"},
    ),
    "eye": Show(
        "A tracker that says when it is unsure",
        "StableDrag on the same eye. The gate closes where its confidence falls.",
        {"StableDrag": "eye"},
    ),
    "drift": Show(
        "Optical flow drifts",
        "Each step's small error stays, and the sum of them carries the point away.",
        {"optical flow": "drift"},
    ),
    "hasty": Show(
        "FreeDrag's goal runs ahead",
        "Its points are where the content should be next; the dots are the places to choose from.",
        {"FreeDrag": "hasty"},
    ),
    "claimed": Show(
        "Arrived, it says",
        "StableDrag claims that the point has arrived. Look closely at the image.",
        {"StableDrag": "claimed"},
    ),
    "chin": Show(
        "A drag with a diffusion model",
        "StableDrag-Diff drags a noisy latent; the images are previews of what it will become.",
        {"StableDrag-Diff": "chin"},
    ),
}


def write_gallery(site: Path, source: Path) -> None:
    """Write every page into the `site`, and into `source` the one that lists them."""
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    cards = []
    for name, show in SHOWS.items():
        runs = {called: dk.Trace.load(zoo.bundled(run)) for called, run in show.runs.items()}
        dk.to_html(runs, folder / f"{name}.html", title=show.title)
        _small_image(next(iter(runs.values()))).save(folder / f"{name}.webp")
        cards.append(_card(name, show))

    text = (
        "Gallery\n=======\n\n"
        "Twelve recorded runs. Each opens as a page of its own, which plays without a kernel, by"
        " mouse, finger and keys: look at every step, its score maps and its curves.\n\n"
        ".. raw:: html\n\n   <style>\n"
        "   .runs {display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr));"
        " gap: 20px}\n"
        "   .runs img {width: 100%; border-radius: 6px}\n"
        "   </style>\n"
        f"   <div class='runs'>\n{''.join(cards)}   </div>\n"
    )
    (source / "gallery.rst").write_text(text, encoding="utf-8")


def frame_of(name: str, up: str = "../") -> str:
    """A page of the gallery inside another one, as HTML."""
    show = SHOWS[name]
    address = f"{up}{FOLDER}/{name}.html"
    return (
        f'<figure><iframe src="{address}" title="{show.title}" loading="lazy"'
        ' style="width: 100%; height: 760px; border: 1px solid #8884; border-radius: 6px">'
        f'</iframe><figcaption>A recorded run, alive without a kernel: <a href="{address}">'
        f"{show.title}</a>. {show.words}</figcaption></figure>"
    )


def _small_image(trace: dk.Trace) -> Image.Image:
    return draw_frame(trace[-1], trace.path(len(trace) - 1), size=SIDE).convert("RGB")


def _card(name: str, show: Show) -> str:
    return (
        f'   <div><a href="{FOLDER}/{name}.html"><img src="{FOLDER}/{name}.webp" alt=""><br>'
        f"<strong>{show.title}</strong></a><p>{show.words}</p></div>\n"
    )
