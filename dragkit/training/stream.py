r"""An endless stream of scenes with the latents they belong to: what every trainer learns from.

A generator usually sees images without their latents, and needs millions of them. A world's
factors are known, so a latent can be tied to its image. With ẑ the latent at unit second moment
(what StyleGAN2's mapping network sees), ψ the truncation and Φ the normal distribution function,

    factor = low + (high - low) · Φ(ψ · ẑ),

so truncation means the same on both sides: w pulled toward w_avg, factors pulled toward their
middle. Each pair has two latents, as in StyleGAN2's style mixing: the first gives the geometry
(pose, mouth, ears, mane …) through the coarse rows of w+, the second the colours and the light
through the rest. Our choice: it is what lets a laptop CPU train a generator in the time of a
lecture.

Nothing is stored. Batch number k of a seed is always the same, so a run that is continued sees
what it would have seen. Processes of their own build the scenes; the device that trains draws
them.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..worlds.batch import SceneBatch
from ..worlds.world import World

LEAST_TRUNCATION = 0.5
SHEET_SEED = 1_000_000  # of the renders beside samples
AHEAD = 2  # batches that each worker prepares
POOL = 64  # batches that are at hand when each is learned from several times
TOGETHER = 4  # batches that have one size, and that a GPU draws at once

Item = tuple[SceneBatch, *tuple[Tensor, ...]]


class Source(Protocol):
    """What the workers ask for batches."""

    def __getitem__(self, number: int) -> Item:
        """Batch `number`: its scenes, and the tensors (b …) that belong to them."""


@dataclass(frozen=True)
class Pairs:
    """Batches of `batch` scenes of a world, each with z (b 2 factors) and ψ (b) in 0.5..1."""

    world: World
    batch: int
    seed: int

    def __getitem__(self, number: int) -> Item:
        """Scenes, z and ψ of batch `number`."""
        random = random_of(self.seed, number)
        latents = [pair(random, self.world) for _ in range(self.batch)]
        scenes = [painted(self.world, z, truncation).scene() for z, truncation in latents]
        z, truncation = (np.array(part, np.float32) for part in zip(*latents))
        return SceneBatch.of(scenes), torch.from_numpy(z), torch.from_numpy(truncation)


def random_of(seed: int, number: int) -> np.random.RandomState:
    """The random numbers of one batch of a seed, always the same."""
    return np.random.RandomState([seed, number])


def pair(random: np.random.RandomState, world: World) -> tuple[np.ndarray, float]:
    """Two latents (2 n_factors) at unit second moment, and their ψ in 0.5..1."""
    z = random.randn(2, len(world.factors))
    return z / np.sqrt((z**2).mean(1, keepdims=True)), random.uniform(LEAST_TRUNCATION, 1)


def painted(world: World, z: np.ndarray, truncation: float) -> Any:
    """What latents z (2 n_factors) should paint: geometry of the first, appearance of the second.

    A thing of the world, such as a lion.
    """
    kind: Any = world.kind
    geometry, appearance = z
    split = world.geometry
    return kind.from_normal(truncation * np.concatenate([geometry[:split], appearance[split:]]))


def drawn(
    source: Source, sizes: Sequence[int], device: str, start: int, workers: int
) -> Iterator[tuple[Tensor, ...]]:
    """Endless (images (b 3 size size) in 0..1, what else the source gives), on a device.

    Args:
        source: of the batches.
        sizes: sides of the images, taken in turn, each for `TOGETHER` batches.
        device: where the images are drawn.
        start: number of the first batch.
        workers: processes that build scenes; 0 builds them in this one.
    """
    loader: Iterable[Item] = DataLoader(
        source,  # type: ignore[arg-type]  # torch wants a subclass, and uses __getitem__ alone
        batch_size=None,
        sampler=count(start),
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        worker_init_fn=_leave_interrupts,
    )
    if device.startswith("cuda"):
        return _beside(_drawn(loader, sizes, device, start, TOGETHER), device)
    return _drawn(loader, sizes, device, start, 1)


def echoed(
    draw: Callable[[int], Iterator[tuple[Tensor, ...]]], start: int, times: int, seed: int
) -> Iterator[tuple[Tensor, ...]]:
    """Endless batches, each learned from about `times` times, with `POOL` others in between.

    "Data echoing" (Choi et al. 2019), for images that take longer to draw than to learn from.
    Every `times` steps the newest batch takes the place of the oldest in a pool, and each step
    takes one of the pool at random; a run that is continued draws the pool again.

    Args:
        draw: gives the drawn batches from a number on.
        start: number of the first step.
        times: 1 takes every batch once, in order.
        seed: of the choice.
    """
    if times == 1:
        yield from draw(start)
        return

    def takes_one(step: int) -> bool:
        return step % times == 0

    batches = draw(start // times)
    pool = deque(islice(batches, POOL - takes_one(start)), POOL)
    for step in count(start):
        if takes_one(step):
            pool.append(next(batches))
        yield pool[random_of(seed, step).randint(len(pool))]


def _leave_interrupts(_: int) -> None:
    """Ctrl-C reaches every process of a terminal; what follows from it is up to the trainer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _drawn(
    loader: Iterable[Item], sizes: Sequence[int], device: str, number: int, together: int
) -> Iterator[tuple[Tensor, ...]]:
    """What :func:`drawn` gives, from batch `number` on, `together` batches drawn at once.

    To draw takes thousands of small steps, however many images there are, and on a GPU it is their
    number that costs.
    """
    batches = iter(loader)
    while True:
        block = list(islice(batches, together - number % together))
        size = sizes[number // TOGETHER % len(sizes)]
        images = _joined([scenes for scenes, *_ in block]).to(device).render(size)
        for part, (_, *others) in zip(images.chunk(len(block)), block):
            yield part, *(tensor.to(device) for tensor in others)
        number += len(block)


def _joined(batches: Sequence[SceneBatch]) -> SceneBatch:
    """One batch of all scenes."""
    names = [name for name, value in vars(batches[0]).items() if isinstance(value, Tensor)]
    joined: dict[str, Any] = {
        name: torch.cat([getattr(batch, name) for batch in batches]) for name in names
    }
    return replace(batches[0], **joined)


def _beside(batches: Iterator[tuple[Tensor, ...]], device: str) -> Iterator[tuple[Tensor, ...]]:
    """The same batches, copied and drawn on a GPU's second stream.

    So whatever has to wait for the renderer does not wait for the training step before it.
    """
    aside = torch.cuda.Stream(device)
    training = torch.cuda.current_stream(device)
    while True:
        with torch.cuda.stream(aside):
            batch = next(batches)
        training.wait_stream(aside)
        for tensor in batch:
            tensor.record_stream(training)  # its memory is not taken back while it is learned from
        yield batch
