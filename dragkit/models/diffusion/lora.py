r"""Identity LoRA: a small correction of a diffusion model's attention, so that it knows one image.

Each of the linear layers q, k, v and out of every attention gets a correction of low rank (Hu et
al. 2022),

.. math:: W' = W + B A, \qquad A: (rank, c),\ B: (c', rank),\ B = 0 \text{ at first},

which learns to denoise noisy versions of the one image at random timesteps. The defaults are
DragDiffusion's: rank 16, 80 steps of AdamW with a learning rate of 5e-4, four noises a step. Its
code draws from all 1000 timesteps; ours draws from those of the schedule (our choice).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...arguments import positive, whole
from ...atomic import write_file
from ...file_signs import check_no_stand_in
from ..safetensors_header import Header, check_fits, read_header
from .file_kinds import IDENTITY, kind_of

if TYPE_CHECKING:
    from .model import Diffusion

LORA_RANK = 16
LORA_STEPS = 80
LORA_LR = 5e-4
LORA_BATCH = 4
LARGEST = {"rank": 1024, "batch": 64, "lr": 1.0}  # the layers have some 1000 channels
LAYERS = ["to_q", "to_k", "to_v", "to_out.0"]


class OtherLora(ValueError):
    """A file holds something else than a LoRA for this model, image, prompt and rank."""


class Lora:
    """A LoRA for `model` and the image `target` (3 H W) in 0..1.

    :meth:`step` learns, :meth:`model` returns the corrected model, :meth:`save` and :meth:`load`
    store and restore what was learned.

    Raises:
        ValueError: a rank that is not a whole number from 1 to 1024, a batch that is none from 1
            to 64, or an lr that is not above 0 and at most 1.
    """

    def __init__(
        self,
        model: Diffusion,
        target: Tensor,
        rank: int = LORA_RANK,
        lr: float = LORA_LR,
        batch: int = LORA_BATCH,
    ) -> None:
        rank = whole("rank", rank, 1, LARGEST["rank"])
        batch = whole("batch", batch, 1, LARGEST["batch"])
        lr = positive("lr", lr, LORA_LR, LARGEST["lr"])

        self.base = model
        self.target = target.to(model.device)
        self.rank = rank
        self.batch = batch
        self.steps = 0
        self.unet = _with_adapters(model.unet, rank)
        self.denoiser = replace(model.denoiser, unet=self.unet, guidance=1.0)
        self.weights = {name: p for name, p in self.unet.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr, weight_decay=1e-2)
        with torch.no_grad():
            self.clean = model.encode(self.target[None])

    def step(self) -> float:
        """Learn from one batch of noisy versions of the image; returns the loss."""
        random = torch.Generator().manual_seed(self.steps)
        schedule = self.base.schedule
        indices = torch.randint(1, schedule.steps + 1, (self.batch,), generator=random)
        noise = torch.randn(self.batch, *self.clean.shape[1:], generator=random).to(self.clean)
        clean = self.clean.expand_as(noise)
        loss = schedule.loss(self.denoiser.predict, clean, noise, indices.to(self.base.device))

        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        return loss.item()

    def model(self) -> Diffusion:
        """The given model with W + BA for W.

        It has no reference, because what was inverted before was inverted without the LoRA.
        """
        self._check_finite()
        unet = copy_with_same_weights(self.base.unet)
        for name, layer in self.unet.named_modules():
            if hasattr(layer, "get_delta_weight"):
                corrected = unet.get_submodule(name)
                weight = corrected.weight + layer.get_delta_weight("default").to(corrected.weight)
                corrected.weight = nn.Parameter(weight.detach(), requires_grad=False)

        notes = {**self.base.notes, "lora": f"rank {self.rank}, {self.steps} steps"}
        notes.pop("inversion_psnr", None)
        return replace(self.base, unet=unet, reference=None, notes=notes)

    def save(self, path: Path) -> None:
        """Write A and B of every layer, and what they belong to."""
        from safetensors.torch import save

        self._check_finite()
        weights = {name: w.detach().cpu().contiguous() for name, w in self.weights.items()}
        metadata = self._belongs_to() | {"steps": str(self.steps)}
        write_file(path, save(weights, metadata))

    def load(self, path: Path) -> None:
        """Continue from a file that :meth:`save` wrote; AdamW's moments start fresh.

        Raises:
            ValueError: the file is not a LoRA, or one of another model, image, prompt or rank.
            FileNotFoundError: there is no such file.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        check_no_stand_in(path)
        try:
            header = read_header(path)
            _check_kind(path, header)
            self._check_belongs(path, header.metadata)
            check_fits(header, self.weights)
            steps = whole("steps", int(header.metadata.get("steps", "none")))
            saved = load_file(path)
        except OtherLora:
            raise
        except (SafetensorError, ValueError) as error:
            raise ValueError(f"{path} is not a LoRA that dragkit saved ({error})") from error

        with torch.no_grad():
            for name, weight in saved.items():
                self.weights[name].copy_(weight)
        self.steps = steps

    def _check_finite(self) -> None:
        if not all(bool(weight.isfinite().all()) for weight in self.weights.values()):
            lr = self.optimizer.param_groups[0]["lr"]
            raise FloatingPointError(
                f"the LoRA is not finite after {self.steps} steps with lr {lr:g}, so it is not"
                " saved; learn again with a smaller one"
            )

    def _check_belongs(self, path: Path, metadata: Mapping[str, str]) -> None:
        for what, expected in self._belongs_to().items():
            # files of models without a text may have no prompt
            if metadata.get(what, "") != expected:
                raise OtherLora(
                    f"{path} is a LoRA of another {what}; choose another file, or remove this one"
                    " to learn again"
                )

    def _belongs_to(self) -> dict[str, str]:
        return {
            "network": network_fingerprint(self.base.unet),
            "image": fingerprint(self.target),
            "prompt": str(self.base.notes.get("prompt", "")),
            "rank": str(self.rank),
        }


def _check_kind(path: Path, header: Header) -> None:
    """Raise ValueError if a file is known to be something else than a LoRA of one image."""
    kind = kind_of(header)
    if kind is None or header.metadata.keys() >= IDENTITY:
        return
    raise OtherLora(
        f"{path} is {kind.says}, not a LoRA of one image that dk.lora learned; name another file."
        f" The LoRA of a style goes into its base: dk.load(…, lora='{path}')"
    )


def _with_adapters(unet: nn.Module, rank: int) -> nn.Module:
    """A copy of the network whose attention has trainable A and B; the same for the same rank."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=LAYERS
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adapted = inject_adapter_in_model(config, copy_with_same_weights(unet))
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()  # it learns by small steps, whatever W is stored in
    return adapted


def copy_with_same_weights(unet: nn.Module) -> nn.Module:
    """A copy of a frozen network that uses the given one's weights, so it costs no memory."""
    return deepcopy(unet, {id(weight): weight for weight in unet.parameters()})


def network_fingerprint(unet: nn.Module) -> str:
    """A fingerprint of a network: of the first numbers of each of its weights."""
    first = [weight.detach().flatten()[:16].float().cpu() for weight in unet.parameters()]
    return fingerprint(torch.cat(first))


def fingerprint(values: Tensor) -> str:
    """The first 16 hexadecimal digits of the sha256 of a tensor's numbers."""
    numbers = values.detach().cpu().float().contiguous().numpy()
    return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]
