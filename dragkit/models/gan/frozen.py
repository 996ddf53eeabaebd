"""Whether a generator is as dragkit makes them, and nobody learns, watches or replaces a part."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from .layers import FullyConnected
from .network import Block, ModulatedConv, Synthesis


def frozen_convolutions(synthesis: Synthesis, until: int) -> list[ModulatedConv] | None:
    """The layers up to the block of `until` px; None if the plain code has to compute them.

    That is so if one is not dragkit's own, somebody watches it by a hook, or learns its weights.
    """
    if type(synthesis) is not Synthesis or "activations" in vars(synthesis):
        return None
    if _has_any_global_hook():
        return None
    layers: list[ModulatedConv] = []
    for r in synthesis.resolutions:
        block = synthesis.block(r)
        if type(block) is not Block or watched(block):
            return None
        layers += [block.conv1] if block.first == 0 else [block.conv0, block.conv1]
        if r == until:
            break

    for conv in layers:
        if type(conv) is not ModulatedConv or type(conv.affine) is not FullyConnected:
            return None
        if watched(conv) or watched(conv.affine):
            return None
        if any(not is_frozen(tensor) for tensor in tensors_of(conv)):
            return None
    if not is_frozen(synthesis.block(4).const) or len({conv.clamp for conv in layers}) > 1:
        return None
    return layers


def watched(module: nn.Module) -> bool:
    """Whether somebody's hook waits for the module to be called, or stands in its place."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    return any(hooks) or bool(module._backward_pre_hooks) or "forward" in vars(module)


def is_frozen(tensor: Tensor) -> bool:
    """Whether nobody learns it, and its changes are counted."""
    return not (tensor.requires_grad or tensor.is_inference())


def counted(tensors: Iterable[Tensor]) -> list[tuple[int, int]]:
    """Where tensors are and how often they were changed, as far as torch counts it."""
    return [(t.data_ptr(), -1 if t.is_inference() else t._version) for t in tensors]


def tensors_of(conv: ModulatedConv) -> list[Tensor]:
    """Its weights and its affine's, as they are now."""
    parts = (conv._parameters, conv._buffers, conv.affine._parameters)
    return [tensor for part in parts for tensor in part.values() if tensor is not None]
