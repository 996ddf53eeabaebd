r"""Train the bundled landmark network: ``python -m dragkit.training.landmarks --out
runs/landmarks``.

It learns from renders, half of them uniform random lions, half truncated ones such as the
generator paints, each with its exact landmarks t. Images are blurred, brightened and made noisy
at random, because generated ones are softer than renders. With p the softmax of a score map and c
its cells,

    L = mean ‖Σ p_c c - t‖ + 0.1 · mean Σ p_c ‖c - t‖   over the landmarks that are not covered;

the second term keeps a map in one spot. The run writes ``state.pt`` (to go on from),
``landmarks.safetensors`` and its card ``landmarks.json`` with the error on renders and on
generated images that it has not seen.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import math
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..models import load
from ..tasks.landmarks import SIZE, LandmarkNetwork, cells, open_landmarks, save_landmarks
from ..worlds.lion import LANDMARKS, Lion
from . import pairs

SAVE_SECONDS = 150
# first seeds of the renders; the generator's own images have small ones
LEARN, HELD_OUT = 1_000_000, 2_000_000


def lion(seed: int) -> Lion:
    """Even seeds: a uniform random lion; odd ones: a truncated one."""
    return pairs.lion(*pairs.latents(seed)) if seed % 2 else Lion.sample(seed)


def truth(lion: Lion) -> np.ndarray:
    """The landmarks (k 2) in pixels, NaN where covered."""
    landmarks = lion.landmarks(SIZE)
    return np.where(landmarks.visible[:, None], landmarks.points, np.nan)


def render(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The image of `lion(seed)`, uint8 (3 128 128), and its `truth`."""
    image = lion(seed).render(SIZE).image
    return (image * 255).round().clip(0, 255).astype(np.uint8), truth(lion(seed))


def prepare(folder: Path, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Render seeds first..first+count-1, or open what is there: uint8 (count 3 128 128), truth
    (count k 2).
    """
    paths = [folder / f"{name}_{first}_{count}.npy" for name in ("images", "truth")]
    if not paths[1].exists():  # it is written last
        images = np.lib.format.open_memmap(paths[0], "w+", np.uint8, (count, 3, SIZE, SIZE))
        points = np.empty((count, len(LANDMARKS), 2), np.float32)
        with ProcessPoolExecutor() as pool:
            rendered = pool.map(render, range(first, first + count), chunksize=64)
            for i, made in enumerate(tqdm(rendered, "rendering", count, unit="image")):
                images[i], points[i] = made
        images.flush()
        np.save(paths[1], points)
    return np.load(paths[0], mmap_mode="r"), np.load(paths[1])


def augment(images: Tensor) -> Tensor:
    """Half of the images (b 3 h w) blurred by σ in 0.3..1.2 px; each made brighter, flatter or
    noisier at random.
    """
    b = len(images)
    sigma = torch.empty(1).uniform_(0.3, 1.2)
    kernel = torch.exp(-((torch.arange(-3, 4) / sigma) ** 2) / 2)
    kernel = (kernel / kernel.sum()).to(images).expand(3, 1, 1, 7)
    soft = F.pad(images[: b // 2], (3, 3, 3, 3), mode="replicate")
    soft = F.conv2d(F.conv2d(soft, kernel, groups=3), kernel.mT, groups=3)
    images = torch.cat([soft, images[b // 2 :]])
    draw = lambda low, high, *shape: torch.empty(b, *shape, 1, 1).uniform_(low, high).to(images)  # noqa: E731
    noise = torch.randn_like(images) * draw(0, 0.03, 1)
    return ((images - 0.5) * draw(0.8, 1.2, 1) + 0.5 + draw(-0.1, 0.1, 3) + noise).clamp(0, 1)


def loss(scores: Tensor, points: Tensor) -> Tensor:
    """L of the score maps (b k h w) against the true points (b k 2), NaN where covered."""
    seen = ~points[..., 0].isnan()
    p, centres = scores[seen].flatten(1).softmax(-1), cells(*scores.shape[-2:]).to(scores)
    off = (p @ centres - points[seen]).norm(dim=-1)
    spread = (p * torch.cdist(points[seen], centres)).sum(-1)
    return off.mean() + 0.1 * spread.mean()


def batch(data: tuple[np.ndarray, np.ndarray], step: int, count: int) -> tuple[Tensor, Tensor]:
    """Batch `step`, always the same one: images (count 3 h w) in 0..1 and their true points."""
    images, points = data
    chosen = np.random.RandomState(step).choice(len(images), count, replace=False)
    return torch.from_numpy(images[chosen]).float() / 255, torch.from_numpy(points[chosen])


def rate(done: float, lr: float) -> float:
    """The learning rate when the part `done` (0..1) of the run is over: a short rise, then half a
    cosine.
    """
    return lr * min(done / 0.03 + 0.01, (1 + math.cos(math.pi * min(done, 1))) / 2)


@dataclass
class Run:
    """A network in training: how many images it has seen, and the seconds that took."""

    network: LandmarkNetwork
    optimizer: torch.optim.Optimizer
    images: int = 0
    seconds: float = 0.0

    def step(self, data: tuple[np.ndarray, np.ndarray], settings: dict) -> float:
        """Learn from the next batch; returns L."""
        device, number = next(self.network.parameters()).device, self.images // settings["batch"]
        torch.manual_seed(number)  # so that a resumed run draws what an unbroken one would have
        images, points = (t.to(device) for t in batch(data, number, settings["batch"]))
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.images / settings["until"], settings["lr"])
        error = loss(self.network.scores(augment(images)), points)
        self.optimizer.zero_grad()
        error.backward()
        self.optimizer.step()
        self.images += settings["batch"]
        return error.item()

    def save(self, path: Path) -> None:
        state = {"network": self.network.state_dict(), "optimiser": self.optimizer.state_dict()}
        torch.save(
            state | {"images": self.images, "seconds": self.seconds}, path.with_suffix(".part")
        )
        path.with_suffix(".part").replace(path)

    def restore(self, path: Path) -> None:
        state = torch.load(
            path, map_location=next(self.network.parameters()).device, weights_only=True
        )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.images, self.seconds = state["images"], state["seconds"]


def train(run: Run, data: tuple[np.ndarray, np.ndarray], path: Path, settings: dict) -> None:
    """Go on until `settings["until"]` images are seen, saving to `path` as it goes and when it
    is stopped.
    """
    run.network.train()
    saved = last = time.monotonic()
    bar = tqdm(total=settings["until"], initial=run.images, desc="landmarks", unit="image")
    try:
        while run.images < settings["until"]:
            error = run.step(data, settings)
            now = time.monotonic()
            run.seconds, last = run.seconds + now - last, now
            bar.update(settings["batch"])
            bar.set_postfix(loss=f"{error:.3f}", refresh=False)
            if now - saved > SAVE_SECONDS:
                run.save(path)
                saved = now
    finally:
        run.save(path)
        bar.close()


def distances(network: LandmarkNetwork, images: Tensor, points: np.ndarray) -> np.ndarray:
    """How far each landmark is read from its true point (n k), in pixels; NaN where covered."""
    device = next(network.parameters()).device
    read = torch.cat([network(chunk.to(device)).cpu() for chunk in images.split(50)])
    return np.linalg.norm(read.numpy() - points, axis=-1)


def generated(count: int) -> tuple[Tensor, np.ndarray]:
    """The bundled lion's images of seeds 0..count-1, and the landmarks of the lions that it was
    taught to paint.
    """
    model = load("lion", device="cpu")
    images = torch.stack([model.finish(model.sample(seed)) for seed in range(count)])
    lions = [Lion.of_latent(model.sample_z(seed), model.truncation) for seed in range(count)]
    return images, np.stack([truth(lion) for lion in lions])


def summary(distance: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean and 90th percentile of distances (n k), in all and for each landmark."""
    columns = {"all": distance.ravel(), **dict(zip(LANDMARKS, distance.T))}
    columns = {name: values[~np.isnan(values)] for name, values in columns.items()}
    return {
        name: {"mean": round(float(v.mean()), 3), "p90": round(float(np.quantile(v, 0.9)), 3)}
        for name, v in columns.items()
        if len(v)
    }


def errors(network: LandmarkNetwork, held_out: tuple[np.ndarray, np.ndarray], count: int) -> dict:
    """How far the network is off on held-out renders and on `count` generated images."""
    images, points = held_out
    return {
        "unit": f"pixels of an image of {SIZE} px; only landmarks that are not covered",
        "renders": {
            "of": f"{len(points)} renders that it has not learnt from",
            **summary(
                distances(network, torch.from_numpy(np.array(images)).float() / 255, points)
            ),
        },
        "generated": {
            "of": (
                f"the bundled lion's seeds 0..{count - 1}, against the lion it was taught to"
                " paint: the network's error and the generator's own together"
            ),
            **summary(distances(network, *generated(count))),
        },
    }


def card(run: Run, error: dict, settings: dict) -> dict:
    """How the network was made, and how far it is off."""
    parameters = list(run.network.parameters())
    return {
        "model": "landmark network (convolutions, a score map for each landmark, soft-argmax)",
        "names": list(LANDMARKS),
        "resolution": SIZE,
        "parameters": sum(p.numel() for p in parameters),
        "data": (
            f"{settings['images']} renders of dragkit's own procedural lion, half of them"
            " uniform, half truncated"
        ),
        "licence": "MIT",
        "images_seen": run.images,
        "minutes": round(run.seconds / 60, 1),
        "machine": f"{parameters[0].device.type}, {os.cpu_count()} cores, {platform.machine()}",
        "torch": torch.__version__,
        "settings": settings,
        "error": error,
    }


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the settings."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.training.landmarks", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/landmarks"),
        help="folder of the run; goes on from what is there",
    )
    parser.add_argument("--images", type=int, default=24_000, help="how many lions to render")
    parser.add_argument(
        "--held-out", type=int, default=2_000, help="how many more to measure the error on"
    )
    parser.add_argument(
        "--generated",
        type=int,
        default=500,
        help="how many of the bundled lion's images to measure it on",
    )
    parser.add_argument("--until", type=int, default=64_000, help="images seen in all")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    if options.images < options.batch:
        parser.error(f"--images {options.images} is less than a batch of {options.batch}")
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {k: v for k, v in vars(options).items() if k not in ("out", "device")}
    held_out = prepare(options.out, HELD_OUT, options.held_out)
    data = prepare(options.out, LEARN, options.images)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # numbers next to zero are slow on a CPU, and worth nothing
    network = LandmarkNetwork(tuple(LANDMARKS)).to(
        options.device, memory_format=torch.channels_last
    )
    run = Run(network, torch.optim.AdamW(network.parameters(), options.lr, weight_decay=1e-3))
    if (options.out / "state.pt").exists():
        run.restore(options.out / "state.pt")
    train(run, data, options.out / "state.pt", settings)
    save_landmarks(network, options.out / "landmarks.safetensors")
    # measured as it is stored
    stored = open_landmarks(options.out / "landmarks.safetensors", options.device)
    error = errors(stored, held_out, options.generated)
    (options.out / "landmarks.json").write_text(
        json.dumps(card(run, error, settings), indent=2) + "\n"
    )
    for kind in ("renders", "generated"):
        every = error[kind]["all"]
        print(f"{kind}: {every['mean']} px off in the mean, 90 % within {every['p90']} px")


if __name__ == "__main__":
    main()
