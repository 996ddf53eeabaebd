"""LionBench and CarBench: renders of our worlds in DragBench's layout, whose truth is known.

Each sample is a thing and the same thing after a change of a few factors; its handles stand on
landmarks, its targets where the world has them after the change. Beside what DragBench has there
are the true target image and the exact points, so every score can be compared with the truth.
``python -m dragkit.bench lionbench`` writes 205 samples of one world.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..arguments import named_arguments, whole
from ..atomic import write_file
from ..compose.encoding import png
from ..worlds.world import WORLDS, World
from .poses import movable, without_overlaps

COUNT = 205  # as DragBench has
MOST = 10_000
SMALLEST, LARGEST = 32, 1024  # px
FIRST = 300_001  # the seed of the first sample; networks and settings have seen none of these
DRAWS = 1000  # things that are tried for a sample, until one fits its category
POINTS = 5  # of a sample of several points
LONG = 0.2  # images that a long path is long at least,
SHORT = 0.05  # and any other


@dataclass(frozen=True)
class Recipe:
    """How the samples of a category are made.

    Attributes:
        factors: that change.
        landmarks: of which a handle is one; empty for all.
        points: how many handles.
        shortest: how far the farthest handle goes at least, in images.
        upward: whether it goes up.
    """

    factors: tuple[str, ...]
    landmarks: tuple[str, ...] = ()
    points: int = 1
    shortest: float = SHORT
    upward: bool = False


RECIPES: Mapping[str, Mapping[str, Recipe]] = {
    "lion": {
        "turn": Recipe(("yaw",), ("nose",)),
        "open": Recipe(("mouth",), ("chin",)),
        "lengthen": Recipe(("ears",), ("ear_left", "ear_right")),
        "raise": Recipe(("pitch", "y"), ("nose", "forehead"), upward=True),
        "look-alike": Recipe(
            ("yaw", "roll"),
            ("eye_left_outer", "eye_left_inner", "eye_right_inner", "eye_right_outer"),
        ),
        "long_path": Recipe(("yaw", "x", "y"), ("nose", "chin", "forehead"), shortest=LONG),
        "several_points": Recipe(("yaw", "pitch", "roll", "mouth"), points=POINTS),
    },
    "car": {  # nothing of a car opens
        "turn": Recipe(("yaw",), ("headlamp", "taillamp", "bonnet", "boot")),
        "lengthen": Recipe(("length",), ("headlamp", "taillamp", "bonnet", "boot")),
        "raise": Recipe(("height", "roof"), ("roof_front", "roof_rear"), upward=True),
        "look-alike": Recipe(("length", "x"), ("hub_front", "hub_rear")),
        "long_path": Recipe(
            ("yaw", "x", "y", "length"), ("headlamp", "taillamp", "bonnet"), shortest=LONG
        ),
        "several_points": Recipe(("yaw", "length", "height"), points=POINTS),
    },
}


@dataclass(frozen=True, eq=False)
class Sample:
    """A thing before and after, and some of its landmarks.

    Attributes:
        before, after: a lion or a car, twice.
        names: of the landmarks.
    """

    before: Any
    after: Any
    names: tuple[str, ...]

    def between(self, t: float) -> Any:
        """The thing at the fraction `t` of the change: 0 before, 1 after."""
        start, end = vars(self.before), vars(self.after)
        return replace(
            self.before, **{name: (1 - t) * start[name] + t * end[name] for name in start}
        )

    def points(self, thing: Any, size: int) -> np.ndarray:
        """Where the landmarks (n 2) are in an image of `thing`, in pixels, inside the image."""
        seen = thing.landmarks(size)
        return np.array([seen[name] for name in self.names]).clip(0, size - 1)


@named_arguments
def sample(world: str, category: str, seed: int) -> Sample:
    """The sample of a seed; the same for the same seed.

    Raises:
        ValueError: there is no such world or category, or no thing was found that fits.
    """
    recipe = _recipe(world, category)
    random = np.random.RandomState(whole("seed", seed))
    for _ in range(DRAWS):
        drawn = _drawn(WORLDS[world], recipe, random)
        if drawn is not None:
            return drawn
    raise ValueError(f"no {world} of {DRAWS} fits the category {category!r} for seed {seed}")


def samples(world: str, count: int = COUNT) -> Iterator[tuple[str, int, Sample]]:
    """(category, seed, sample) of a benchmark, the categories in turn."""
    for category, seed in _names(world, count):
        yield category, seed, sample(world, category, seed)


def _names(world: str, count: int) -> list[tuple[str, int]]:
    """The category and the seed of each sample."""
    categories = list(RECIPES[world])
    return [(categories[number % len(categories)], FIRST + number) for number in range(count)]


@named_arguments
def write_benchmark(folder: Path, world: str, size: int, count: int = COUNT) -> Path:
    """Write `count` samples into a folder, in DragBench's layout; returns the folder.

    Args:
        folder: for a folder of each category, and in these one of each sample.
        world: "lion" or "car".
        size: of the images in pixels, a multiple of 4.
        count: of samples; DragBench has 205.

    Raises:
        ValueError: there is no such world, or the numbers are out of range.
        FileExistsError: the folder holds samples of another benchmark.
        OSError: it cannot be written.
    """
    if world not in RECIPES:
        raise ValueError(f"world is {world!r}; give one of {', '.join(RECIPES)}")
    size = whole("size", size, SMALLEST, LARGEST)
    count = whole("count", count, 1, MOST)
    _check_others(
        folder, {folder / name / f"{world}_{seed}" for name, seed in _names(world, count)}
    )
    made = tqdm(samples(world, count), "samples", count, unit="sample", delay=2)
    for category, seed, drawn in made:
        _write(folder / category / f"{world}_{seed}", world, drawn, size)
    return folder


def _check_others(folder: Path, mine: set[Path]) -> None:
    """Raise FileExistsError if there are samples that this benchmark would not write again."""
    others = sorted({file.parent for file in folder.glob("*/*/meta_data.pkl")} - mine)
    if others:
        raise FileExistsError(
            f"{folder} holds {len(others)} other samples, such as {others[0].name}, which would be"
            " mixed with these; choose another folder, or delete it"
        )


def _write(folder: Path, world: str, drawn: Sample, size: int) -> None:
    handles = drawn.points(drawn.before, size)
    targets = drawn.points(drawn.after, size)
    in_turn = np.stack([handles, targets], 1).reshape(-1, 2)
    large = movable(drawn.before, drawn.after)[None, None]
    free = F.interpolate(large, size=(size, size), mode="area")[0, 0] > 0.5
    meta = {
        "prompt": f"a {world}",
        "points": in_turn.round().astype(int).tolist(),
        "mask": free.numpy().astype(np.uint8),
    }
    exact = {"names": list(drawn.names), "points": in_turn.round(4).tolist()}

    write_file(folder / "original_image.png", png(_pixels(drawn.before, size)))
    write_file(folder / "target_image.png", png(_pixels(drawn.after, size)))
    write_file(folder / "meta_data.pkl", pickle.dumps(meta, protocol=4))
    write_file(folder / "landmarks.json", json.dumps(exact))


def _pixels(thing: Any, size: int) -> np.ndarray:
    """The render as uint8 (size size 3)."""
    image = torch.from_numpy(np.asarray(thing.render(size).image, np.float32))
    return (image * 255).round().byte().movedim(0, -1).numpy()


def _recipe(world: str, category: str) -> Recipe:
    found = RECIPES.get(world, {}).get(category)
    if found is None:
        known = {name: ", ".join(recipes) for name, recipes in RECIPES.items()}
        raise ValueError(f"no category {category!r} of world {world!r}; there are {known}")
    return found


def _drawn(world: World, recipe: Recipe, random: np.random.RandomState) -> Sample | None:
    """A thing and its change, if they fit the recipe."""
    kind: Any = world.kind
    before = kind.from_normal(0.7 * random.randn(len(world.factors)))
    ranges = {name: (low, high) for name, low, high in world.factors}
    changed = {name: random.uniform(*ranges[name]) for name in recipe.factors}
    try:
        after = replace(before, **changed)
    except ValueError:  # a car without room for its cabin
        return None

    start, end = before.landmarks(1), after.landmarks(1)  # in images
    wanted = recipe.landmarks or start.names
    order = [start.names.index(name) for name in wanted]
    random.shuffle(order)
    usable = [i for i in order if start.visible[i] and end.visible[i]]
    chosen = _apart(usable, start.points)[: recipe.points]
    if len(chosen) < recipe.points:
        return None

    moves = end.points[chosen] - start.points[chosen]
    farthest = moves[np.linalg.norm(moves, axis=1).argmax()]
    goes = np.linalg.norm(farthest) >= recipe.shortest
    if not goes or (recipe.upward and -farthest[1] < abs(farthest[0])):
        return None
    return Sample(before, after, tuple(start.names[i] for i in chosen))


def _apart(order: list[int], points: np.ndarray) -> list[int]:
    """Those of `order` that are not on another's pixel in an image of 64 px."""

    def overlap(i: int, j: int) -> bool:
        return bool(np.linalg.norm(points[i] - points[j]) < 2 / 64)

    return without_overlaps(order, overlap)
