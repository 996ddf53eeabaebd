r"""Identity LoRA: a small correction of a diffusion model's attention, so that it knows one
image well (DragDiffusion).

Each of the linear layers q, k, v and out of every attention gets a correction of low rank (Hu et
al. 2022),

.. math:: W' = W + B A, \qquad A: (rank, c),\ B: (c', rank),\ B = 0 \text{ at first},

which learns to denoise noisy versions of the one image at random levels. The defaults are
DragDiffusion's: rank 16, 80 steps of AdamW with 5e-4, four noises a step. Its code draws from all
1000 times; here it is the road's levels (our choice).
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..settings import is_real, is_whole
from .model import Diffusion

RANK, STEPS, LR, BATCH = 16, 80, 5e-4, 4
LAYERS = ("to_q", "to_k", "to_v", "to_out.0")


class Lora:
    """A LoRA for `model` and the image `target` (3 H W): `step` learns, `model` is the corrected
    one, `save` and `load` keep it.

    Raises:
        ValueError: a rank or batch that is no whole number from 1 on, an lr that is not above 0.
    """

    def __init__(
        self,
        model: Diffusion,
        target: Tensor,
        rank: int = RANK,
        lr: float = LR,
        batch: int = BATCH,
    ) -> None:
        for name, value in (("rank", rank), ("batch", batch)):
            if not is_whole(value, 1):
                raise ValueError(f"{name} is {value!r}; give a whole number from 1 on")
        if not (is_real(lr) and lr > 0):
            raise ValueError(f"lr is {lr!r}; give a learning rate above 0, such as {LR:g}")
        from peft import LoraConfig, inject_adapter_in_model

        self.base, self.target, self.rank, self.batch, self.steps = (
            model,
            target.to(model.device),
            rank,
            batch,
            0,
        )
        config = LoraConfig(
            r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(LAYERS)
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.unet = inject_adapter_in_model(config, shared(model.unet))
        self.denoiser = replace(model.denoiser, unet=self.unet, guidance=1.0)
        self.weights = {name: p for name, p in self.unet.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr, weight_decay=1e-2)
        with torch.no_grad():
            self.clean = model.encode(self.target[None])

    def step(self) -> float:
        """Learn from one batch of noisy versions of the image; returns the mean squared error of
        the prediction.
        """
        random = torch.Generator().manual_seed(self.steps)
        timestep_index = torch.randint(
            1, self.base.schedule.steps + 1, (self.batch,), generator=random
        ).to(self.base.device)
        noise = torch.randn(self.batch, *self.clean.shape[1:], generator=random).to(self.clean)
        loss = self.base.schedule.error(
            self.denoiser.predict, self.clean.expand_as(noise), noise, timestep_index
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        return loss.item()

    def model(self) -> Diffusion:
        """The given model with W + BA for W, and without a reference: what was inverted before was
        inverted without the LoRA.
        """
        unet = shared(self.base.unet)
        for name, layer in self.unet.named_modules():
            if hasattr(layer, "get_delta_weight"):
                corrected = unet.get_submodule(name)
                corrected.weight = nn.Parameter(
                    (corrected.weight + layer.get_delta_weight("default")).detach(),
                    requires_grad=False,
                )
        notes = {
            name: value for name, value in self.base.notes.items() if name != "inversion_psnr"
        }
        return replace(
            self.base,
            unet=unet,
            reference=None,
            notes={**notes, "lora": f"rank {self.rank}, {self.steps} steps"},
        )

    def save(self, path: Path) -> None:
        """Write A and B of every layer, and what they belong to."""
        from safetensors.torch import save_file

        about = _about(self.base, self.target, self.rank) | {"steps": str(self.steps)}
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: w.detach().cpu().contiguous() for name, w in self.weights.items()}, path, about
        )

    @classmethod
    def load(
        cls,
        path: Path,
        model: Diffusion,
        target: Tensor,
        rank: int = RANK,
        lr: float = LR,
        batch: int = BATCH,
    ) -> Lora:
        """The LoRA in a file that :meth:`save` wrote; further steps begin with fresh moments of
        AdamW.

        Raises:
            ValueError: the file holds no LoRA, or one of another model, image, prompt or rank.
            FileNotFoundError: there is none.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                about, weights = (
                    file.metadata() or {},
                    {name: file.get_tensor(name) for name in file.keys()},
                )
        except SafetensorError as error:
            raise ValueError(f"{path} is no LoRA that dragkit saved ({error})") from error
        for what, now in _about(model, target, rank).items():
            # files of models without a text may not speak of a prompt
            if about.get(what, "") != now:
                raise ValueError(
                    f"{path} is a LoRA of another {what}; choose another file, or remove this one"
                    " to learn anew"
                )
        lora = cls(model, target, rank, lr, batch)
        with torch.no_grad():
            for name, weight in weights.items():
                lora.weights[name].copy_(weight)
        lora.steps = int(about["steps"])
        return lora


def _about(model: Diffusion, target: Tensor, rank: int) -> dict[str, str]:
    """What a LoRA belongs to."""
    prompt = str(model.notes.get("prompt", ""))
    return {
        "network": fingerprint_of(model),
        "image": fingerprint(target),
        "prompt": prompt,
        "rank": str(rank),
    }


def shared(unet: nn.Module) -> nn.Module:
    """A copy of a frozen network whose weights are the given one's own, so that it costs no
    memory.
    """
    return deepcopy(unet, {id(weight): weight for weight in unet.parameters()})


def fingerprint_of(model: Diffusion) -> str:
    """A fingerprint of the network: of the first numbers of each of its weights."""
    return fingerprint(
        torch.cat([p.detach().flatten()[:16].float().cpu() for p in model.unet.parameters()])
    )


def fingerprint(values: Tensor) -> str:
    """The beginning of the sha256 of a tensor."""
    return hashlib.sha256(
        values.detach().cpu().float().contiguous().numpy().tobytes()
    ).hexdigest()[:16]
