"""Style LoRAs with random numbers, under the names that trainers give them."""

from collections.abc import Iterable

import torch
from torch import nn

RANK = 2


def matrices(layer: nn.Module, seed: int, rank: int = RANK) -> tuple[torch.Tensor, torch.Tensor]:
    """A (down) and B (up) for a layer; of a convolution A has the kernel."""
    random = torch.Generator().manual_seed(seed)
    weight = layer.weight
    down = torch.randn(rank, *weight.shape[1:], generator=random)
    up = torch.randn(len(weight), rank, *(1 for _ in weight.shape[2:]), generator=random)
    return down, up / 10


def layers(network: nn.Module, inside: str = "") -> Iterable[tuple[str, nn.Module]]:
    for path, layer in network.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) and inside in path:
            yield path, layer


def kohya(network: nn.Module, prefix: str, inside: str = "", alpha: float | None = 1.0) -> dict:
    """As kohya's trainer writes them: lora_unet_…, lora_te_… or lora_te1_…"""
    found = {}
    for number, (path, layer) in enumerate(layers(network, inside)):
        down, up = matrices(layer, number)
        name = prefix + path.replace(".", "_")
        found |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        if alpha is not None:
            found[f"{name}.alpha"] = torch.tensor(alpha)
    return found


def diffusers_names(network: nn.Module, prefix: str, inside: str = "") -> dict:
    """As diffusers writes them today: unet.….lora_A.weight."""
    found = {}
    for number, (path, layer) in enumerate(layers(network, inside)):
        down, up = matrices(layer, number)
        found |= {f"{prefix}.{path}.lora_A.weight": down, f"{prefix}.{path}.lora_B.weight": up}
    return found


def old_names(network: nn.Module) -> dict:
    """As diffusers wrote them in 2023: the attention's processors, without a part before them."""
    found = {}
    for number, (path, layer) in enumerate(layers(network, ".attn")):
        attention, _, inside = path.rpartition(".to_")
        down, up = matrices(layer, number)
        name = f"{attention}.processor.to_{inside.removesuffix('.0')}_lora"
        found |= {f"{name}.down.weight": down, f"{name}.up.weight": up}
    return found
