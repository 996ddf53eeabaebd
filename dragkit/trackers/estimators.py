r"""Optical flow between two images: an estimator is any function ``(a, b) -> flow``.

a and b are images (3 H W) in 0..1. The flow (2 H W) is in pixels, first dx, then dy: what is at p
in a is at p + flow(p) in b. :func:`check_estimator` tries an estimator on a known motion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..arguments import path
from ..numeric import is_whole

Estimator = Callable[[Tensor, Tensor], Tensor]

SMALLEST = 128  # px: the smallest side that RAFT's pyramid of maps can work with
MULTIPLE = 8  # px: of which RAFT's sides are multiples
INSTALL = 'pip install "dragkit[flow]"'
UPDATES = 1000  # of RAFT's recurrent network at most; it settles after some 30
TRIAL = 64  # px: the side of the images that an estimator is tried on


def dis(a: Tensor, b: Tensor) -> Tensor:
    """Dense inverse search (Kroeger et al. 2016) by OpenCV.

    A classic: it needs no weights, and takes a few milliseconds on a CPU.

    Raises:
        ModuleNotFoundError: OpenCV is not installed; the message says how to install it.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"optical flow by dense inverse search needs OpenCV: {INSTALL}"
        ) from error

    grey = [(image.detach().cpu().mean(0) * 255).round().byte().numpy() for image in (a, b)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(grey[0], grey[1], None)  # type: ignore[call-overload]  # None is allowed
    return torch.from_numpy(flow).movedim(-1, 0).to(a)


@dataclass(frozen=True)
class Raft:
    """RAFT (Teed & Deng 2020) as torchvision builds it, with weights from a file of yours.

    ``Raft("raft_small.pth", "small")``. Small images are enlarged to 128 px, and sides are padded
    to multiples of eight. torchvision is not among dragkit's own packages, because it must fit
    your build of torch.

    Args:
        weights: a state dict of torchvision's `raft_small` or `raft_large` (.pth or .safetensors).
        size: which of them.
        updates: of the recurrent network (torchvision: 12).

    Raises:
        ValueError: an unknown size, no such file, or impossible updates; when first called,
            weights that do not fit.
        ModuleNotFoundError: torchvision is not installed.
    """

    weights: str | Path
    size: Literal["small", "large"] = "large"
    updates: int = 12

    def __post_init__(self) -> None:
        if self.size not in ("small", "large"):
            raise ValueError(f'unknown size {self.size!r}; choose "small" or "large"')
        if not is_whole(self.updates, 1, UPDATES):
            raise ValueError(
                f"updates is {self.updates!r}; give a whole number from 1 to {UPDATES}"
            )
        if not self._file.is_file():
            raise ValueError(
                f"{self.weights} is not a file; give the weights of torchvision's raft_{self.size}"
            )

    @torch.no_grad()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The flow (2 H W) from image a to image b, each (3 H W) in 0..1."""
        height, width = a.shape[1:]
        scale = max(SMALLEST / min(height, width), 1)
        pair = _resize(torch.stack([a, b]), (round(scale * height), round(scale * width)))
        rows, columns = pair.shape[2:]
        pair = F.pad(pair, (0, -columns % MULTIPLE, 0, -rows % MULTIPLE), mode="replicate")

        first, second = 2 * pair[:, None] - 1
        network = self._network.to(a.device)
        flow: Tensor = network(first, second, num_flow_updates=self.updates)[-1]
        flow = flow[..., :rows, :columns]

        pixels = flow.new_tensor([width / columns, height / rows])[:, None, None]
        return _resize(flow, (height, width))[0] * pixels

    @property
    def _file(self) -> Path:
        return path("weights", self.weights)

    @cached_property
    def _network(self) -> Any:
        try:
            from torchvision.models import optical_flow
        except (ImportError, RuntimeError) as error:
            raise ModuleNotFoundError(
                f"RAFT needs the package torchvision, of the build that fits your torch ({error}):"
                " see pytorch.org/get-started"
            ) from error

        network = getattr(optical_flow, f"raft_{self.size}")(weights=None)
        try:
            network.load_state_dict(_read_state(self._file))
        # a file of somebody else's can be broken in any way
        except Exception as error:
            raise ValueError(
                f"{self.weights} does not fit torchvision's raft_{self.size} ({error})"
            ) from error
        return network.eval().requires_grad_(False)


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False)


def _read_state(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


@lru_cache(maxsize=8)
def check_estimator(estimator: Estimator) -> None:
    """Try an estimator on a texture that moves 3 px to the right, then on one 2 px down.

    Raises:
        ValueError: its flow has another shape, is not finite, or points another way; the message
            says what it looks like.
    """
    for shift in ((3, 0), (0, 2)):
        _check_flow(estimator, estimator(*moved(shift)), shift)


def moved(shift: tuple[int, int], side: int = TRIAL) -> tuple[Tensor, Tensor]:
    """A smooth random image (3 side side), and the same moved by `shift` (x, y) whole pixels."""
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, side + 32, side + 32, generator=random)
    smooth = F.avg_pool2d(F.avg_pool2d(noise, 5, 1), 5, 1)[0]
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())

    x, y = shift
    still = smooth[:, 8 : 8 + side, 8 : 8 + side]
    return still, smooth[:, 8 - y : 8 - y + side, 8 - x : 8 - x + side]


def _check_flow(estimator: Estimator, flow: Any, shift: tuple[int, int]) -> None:
    name = getattr(estimator, "__name__", repr(estimator))
    if not isinstance(flow, Tensor) or tuple(flow.shape) != (2, TRIAL, TRIAL):
        found = tuple(flow.shape) if isinstance(flow, Tensor) else type(flow).__name__
        raise ValueError(
            f"the estimator {name} returned {found} for images (3 {TRIAL} {TRIAL}); a flow is a"
            f" tensor (2 {TRIAL} {TRIAL}), first dx, then dy"
        )
    if not flow.isfinite().all():
        raise ValueError(f"the estimator {name} returned a flow that is not finite")

    seen = flow.detach().cpu().float().flatten(1).median(1).values
    expected = torch.tensor(shift, dtype=torch.float32)
    if not _is_close(seen, expected):
        rounded = tuple(round(value, 2) for value in seen.tolist())
        raise ValueError(
            f"the estimator {name} saw a texture that moved by {tuple(expected.tolist())} px"
            f" (dx, dy) move by {rounded}: {_diagnosis(seen, expected)}"
        )


def _diagnosis(seen: Tensor, expected: Tensor) -> str:
    """What a wrong motion looks like."""
    if _is_close(-seen, expected):
        return "its sign is reversed: it must lead from the first image to the second"
    if _is_close(seen.flip(0), expected):
        return "dx and dy are swapped"
    if _is_close(seen * TRIAL / 2, expected):
        return "it seems to be in -1..1, as grid_sample has it, not in pixels"
    return "that is not the motion that was there"


def _is_close(seen: Tensor, expected: Tensor) -> bool:
    return bool((seen - expected).norm() <= 0.5 * expected.norm())
