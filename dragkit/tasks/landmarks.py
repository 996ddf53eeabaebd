r"""The landmark networks: they find nose, chin, ears … or hubs and lamps in an image's pixels.

Benchmarks need to know where a point really went, and a tracker cannot be its own judge. Each
world has a small network that was trained on renders, whose landmarks are known exactly, and that
sees neither latents nor features. It computes a score map per landmark, a quarter of the image's
side, and returns the map's mean place (soft-argmax):

    p = softmax(score),    point = Σ_c p_c · c,    c: the cells' centres in pixels of the image.

Their own errors are in their cards, ``data/landmarks.json`` and ``data/car-landmarks.json``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arguments import existing_file, named_arguments, numbers
from ..atomic import write_file
from ..file_signs import check_no_stand_in
from ..models import available_device, zoo

SIZE = 128  # side of the images that the convolutions see, in pixels
LARGEST = 1024  # side of an image that is brought to it
CELL = 4  # side of a score map's cell, in pixels
MARGIN = 0.1  # how far beyond 0..1 an image may be, such as one that was enlarged
NETWORKS = {"lion": "landmarks", "car": "car-landmarks"}  # of each world
RING = 1  # cells around the image, so that points at its very border are means too


def cells(height: int, width: int) -> Tensor:
    """The centres of a score map's cells (height·width 2), row by row, in pixels.

    Cell i is at (i - ring + 1/2) · side - 1/2.
    """
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([x, y], -1).reshape(-1, 2) - RING + 0.5) * CELL - 0.5


def soft_argmax(scores: Tensor) -> Tensor:
    """The mean place of each score map (… h w): points (… 2), pixels (x, y)."""
    return scores.flatten(-2).softmax(-1) @ cells(*scores.shape[-2:]).to(scores)


def shrunk(images: Tensor) -> Tensor:
    """Images (b 3 128k 128k) at 128 px: the mean of each square of k x k pixels."""
    return F.avg_pool2d(images, images.shape[-1] // SIZE)


def resized(points: Tensor, factor: float) -> Tensor:
    """Points (… 2) of an image, in pixels of the same image `factor` times as large."""
    return (points + 0.5) * factor - 0.5


@named_arguments
class LandmarkNetwork(nn.Module):
    """Images in, points out: ``network(image)[network.names.index("nose")]`` is the nose (x, y).

    Convolutions down to 8 cells a side, which see the whole lion, and back up to 32, which know
    where its edges are. They always see 128 px, so that a part is as large as where it was
    learned: larger images are averaged down, and what is found is a fraction of a pixel anyway.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        # 32 cells a side
        self.fine = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _conv(32, 32))
        self.middle = nn.Sequential(_conv(32, 64, 2), _conv(64, 64))  # 16
        self.coarse = nn.Sequential(_conv(64, 96, 2), _conv(96, 96), _conv(96, 64))  # 8
        self.middle_up = nn.Sequential(_conv(64, 64), _conv(64, 32))
        self.fine_up = _conv(32, 32)
        self.score = nn.Conv2d(32, len(names), 3, padding=1 + RING)

    def scores(self, images: Tensor) -> Tensor:
        """Score maps (b k 34 34) of images (b 3 128 128): 32 cells a side, and the ring."""
        fine = self.fine((images - 0.5).contiguous(memory_format=torch.channels_last))
        middle = self.middle(fine)
        middle = self.middle_up(middle + _double(self.coarse(middle)))
        return self.score(self.fine_up(fine + _double(middle)))

    def forward(self, image: Tensor) -> Tensor:
        """Where the landmarks are.

        Args:
            image: one image (3 128 128) or several (b 3 128 128), floats in 0..1; a tensor, or an
                array. The side may also be 256, 384, … 1024.

        Returns:
            Points (k 2), or (b k 2), in the order of `names`, as pixels (x, y) of the image that
            was given, with pixel centres at integers. A covered landmark gets a guess; the network
            does not say which are covered.

        Raises:
            ValueError: another shape, whole numbers, or numbers that are not in 0..1.
        """
        image = _checked_image(image).to(self.score.weight)
        if image.ndim == 3:
            return self(image[None])[0]
        points = soft_argmax(self.scores(shrunk(image)))
        return resized(points, image.shape[-1] // SIZE)


def _checked_image(image: Any) -> Tensor:
    """One image or several as a tensor of floats; raises ValueError if it is anything else."""
    if not isinstance(image, Tensor):
        image = numbers("the image", image, "a tensor of floats in 0..1")
    if image.ndim not in (3, 4) or not _is_read(*image.shape[-3:]):
        raise ValueError(
            f"the image has shape {tuple(image.shape)}; the landmark network reads (3 {SIZE}"
            f" {SIZE}) or (b 3 {SIZE} {SIZE}), and sides of {2 * SIZE}, {3 * SIZE}, … {LARGEST} px"
        )
    if not image.is_floating_point():
        raise ValueError(f"the image is {image.dtype}; give floats in 0..1, such as image / 255")
    if not (image.detach() - 0.5).abs().le(0.5 + MARGIN).all():  # NaN is not, either
        low, high = (value.item() for value in image.detach().aminmax())
        raise ValueError(
            f"the image has numbers from {low:.3g} to {high:.3g}; give floats in 0..1, such as"
            " image / 255"
        )
    return image


def _is_read(channels: int, height: int, width: int) -> bool:
    """Whether the network reads images of this shape."""
    return channels == 3 and height == width and height in range(SIZE, LARGEST + 1, SIZE)


def _conv(before: int, after: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@named_arguments
def landmark_network(device: str = "cpu", world: str = "lion") -> LandmarkNetwork:
    """A world's bundled network, opened once for each device and frozen.

    Gradients reach the image.

    Raises:
        FileNotFoundError: its file is gone.
        ValueError: its file is damaged, or there is no such device or world.
    """
    if world not in NETWORKS:
        raise ValueError(f"world is {world!r}; give one of {', '.join(NETWORKS)}")
    return _bundled_network(str(available_device(device)), NETWORKS[world])


@lru_cache(maxsize=4)
def _bundled_network(device: str, name: str) -> LandmarkNetwork:
    return open_landmarks(zoo.bundled(name), device)


@named_arguments
def open_landmarks(path: str | Path, device: str = "cpu") -> LandmarkNetwork:
    """The network in a file that `python -m dragkit.training.landmarks` wrote, with its names.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else, or there is no such device.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    path = existing_file("path", path)
    device = available_device(device)
    check_no_stand_in(path)
    try:
        with safe_open(path, "pt") as file:
            names = (file.metadata() or {})["names"].split()
        network = LandmarkNetwork(tuple(names))
        network.load_state_dict(load_file(path))  # half precision becomes single
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"{path} is no landmark network; give a file that python -m dragkit.training.landmarks"
            " wrote"
        ) from error
    return channels_last(network.to(device)).eval().requires_grad_(False)


def channels_last(network: LandmarkNetwork) -> LandmarkNetwork:
    """The network with its weights in the memory format that is fastest on CPUs."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def save_landmarks(network: LandmarkNetwork, path: Path) -> None:
    """Write the weights, in half precision, and the names."""
    from safetensors.torch import save

    state = {}
    for name, value in network.state_dict().items():
        stored = value.half() if value.is_floating_point() else value
        state[name] = stored.detach().cpu().contiguous()
    write_file(path, save(state, {"names": " ".join(network.names)}))
