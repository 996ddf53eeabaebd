r"""Optical flow between two images: an estimator is any function ``(a, b) -> flow``, and
:func:`check_estimator` tries one.

a and b are images (3 H W) in 0..1. The flow (2 H W) is in pixels, first dx, then dy: what is at
p in a lies at p + flow(p) in b.
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

Estimator = Callable[[Tensor, Tensor], Tensor]
# px: the smallest side that RAFT's pyramid of maps can do with, and what its sides are multiples
# of
LEAST, GRAIN = 128, 8
INSTALL = 'pip install "dragkit[flow]"'


def dis(a: Tensor, b: Tensor) -> Tensor:
    """Dense inverse search (Kroeger et al. 2016), by OpenCV: classic, without weights, a few
    milliseconds on a CPU.

    Raises:
        ModuleNotFoundError: OpenCV is not installed; the message says how.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"optical flow by dense inverse search needs OpenCV: {INSTALL}"
        ) from error

    grey = [(image.detach().cpu().mean(0) * 255).round().byte().numpy() for image in (a, b)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)
    return torch.from_numpy(flow).movedim(-1, 0).to(a)


@dataclass(frozen=True)
class Raft:
    """RAFT (Teed & Deng 2020) as torchvision builds it, with weights from a file that you have:
    ``Raft("raft_small.pth", "small")``.

    Small images are enlarged to 128 px, and sides padded to multiples of eight. torchvision is
    not among dragkit's own packages: it must fit your build of torch.

    Args:
        weights: a state dict of torchvision's `raft_small` or `raft_large` (.pth or .safetensors).
        size: which of them.
        updates: of the recurrent network (torchvision: 12).

    Raises:
        ValueError: an unknown size; when it is first called, weights that do not fit.
        ModuleNotFoundError: torchvision is not installed.
    """

    weights: str | Path
    size: Literal["small", "large"] = "large"
    updates: int = 12

    def __post_init__(self) -> None:
        if self.size not in ("small", "large"):
            raise ValueError(f'unknown size {self.size!r}; choose "small" or "large"')
        if not Path(self.weights).is_file():
            raise ValueError(
                f"{self.weights} is no file; give the weights of torchvision's raft_{self.size}"
            )

    @torch.no_grad()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        height, width = a.shape[1:]
        scale = max(LEAST / min(height, width), 1)
        pair = F.interpolate(
            torch.stack([a, b]),
            size=(round(scale * height), round(scale * width)),
            mode="bilinear",
            align_corners=False,
        )
        rows, columns = pair.shape[2:]
        pair = F.pad(pair, (0, -columns % GRAIN, 0, -rows % GRAIN), mode="replicate")
        flow = self._network.to(a.device)(*(2 * pair[:, None] - 1), num_flow_updates=self.updates)[
            -1
        ][..., :rows, :columns]
        per_pixel = flow.new_tensor([width / columns, height / rows])[:, None, None]
        return (
            F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)[0]
            * per_pixel
        )

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
            network.load_state_dict(_state(Path(self.weights)))
        except (RuntimeError, AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.weights} does not fit torchvision's raft_{self.size} ({error})"
            ) from error
        return network.eval().requires_grad_(False)


def _state(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


@lru_cache(maxsize=8)
def check_estimator(estimator: Estimator) -> None:
    """Try an estimator on a texture that moves 3 px to the right, then 2 px down.

    Raises:
        ValueError: its flow has another shape, is not finite, or points another way; the message
            says what it looks like.
    """
    for shift in ((3, 0), (0, 2)):
        _check(estimator, estimator(*moved(shift)), torch.tensor(shift, dtype=torch.float32))


def moved(shift: tuple[int, int], side: int = 64) -> tuple[Tensor, Tensor]:
    """A smooth random image (3 side side), and the same moved by `shift` (x, y) in
    whole pixels.
    """
    noise = torch.rand(1, 3, side + 32, side + 32, generator=torch.Generator().manual_seed(0))
    smooth = F.avg_pool2d(F.avg_pool2d(noise, 5, 1), 5, 1)[0]
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    x, y = shift
    return (
        smooth[:, 8 : 8 + side, 8 : 8 + side],
        smooth[:, 8 - y : 8 - y + side, 8 - x : 8 - x + side],
    )


def _check(estimator: Estimator, flow: Tensor, shift: Tensor) -> None:
    name, side = getattr(estimator, "__name__", repr(estimator)), 64
    if not isinstance(flow, Tensor) or tuple(flow.shape) != (2, side, side):
        found = tuple(flow.shape) if hasattr(flow, "shape") else type(flow).__name__
        raise ValueError(
            f"the estimator {name} returned {found} for images (3 {side} {side}); a flow is a"
            f" tensor (2 {side} {side}), first dx, then dy"
        )
    if not flow.isfinite().all():
        raise ValueError(f"the estimator {name} returned a flow that is not finite")
    seen = flow.detach().cpu().float().flatten(1).median(1).values
    if (seen - shift).norm() <= 0.5 * shift.norm():
        return
    swapped, small = seen.flip(0), seen * side / 2
    guess = (
        "its sign is turned: it must lead from the first image to the second"
        if (seen + shift).norm() <= 0.5 * shift.norm()
        else (
            "dx and dy are swapped"
            if (swapped - shift).norm() <= 0.5 * shift.norm()
            else (
                "it seems to be in -1..1, as grid_sample has it, not in pixels"
                if (small - shift).norm() <= 0.5 * shift.norm()
                else "that is no motion that was there"
            )
        )
    )
    raise ValueError(
        f"the estimator {name} saw a texture that moved by {tuple(shift.tolist())} px (dx, dy)"
        f" move by {tuple(round(v, 2) for v in seen.tolist())}: {guess}"
    )
