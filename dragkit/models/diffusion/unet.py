r"""A UNet like diffusers', opened: its blocks one after the other, and its self-attention layers.

A UNet in diffusers is one call. Here it is a generator that yields the output of each decoder
block and continues only when it is asked to, so reading a block costs no more than the blocks
before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def stages(
    unet: Any, z: Tensor, t: Tensor, text: Tensor | None = None, added: Tensor | None = None
) -> Iterator[Tensor]:
    """A UNet's outputs one after the other: middle, each decoder block, prediction (b c h w).

    Stage i is DragDiffusion's feature ``unet_feature_idx=i``: 0 the middle, 1 the first (coarsest)
    decoder block.

    Args:
        unet: a `UNet2DModel`, ours of it (`SmallUNet`), or a `UNet2DConditionModel` as in Stable
            Diffusion 1, 2 and XL.
        z: (b c h w) the noisy latents.
        t: (1) or (b) their timesteps.
        text: (b tokens c) the encoded prompt, for the conditional one.
        added: (b c) what is added to the embedding of the time, for XL.
    """
    time = unet.time_embedding(unet.time_proj(t.expand(len(z))).to(z.dtype))
    if added is not None:
        time = time + added.to(time.dtype)

    def text_for(block: Any) -> dict[str, Tensor | None]:
        if getattr(block, "has_cross_attention", False):
            return {"encoder_hidden_states": text}
        return {}

    x = unet.conv_in(z)
    skips = [x]
    for block in unet.down_blocks:
        x, outputs = block(x, time, **text_for(block))
        skips += outputs

    x = unet.mid_block(x, time, **text_for(unet.mid_block))
    yield x

    for block in unet.up_blocks:
        count = len(block.resnets)
        outputs = tuple(skips[-count:])
        del skips[-count:]
        x = block(x, outputs, time, **text_for(block), **_size_after(block, x, skips))
        yield x

    yield unet.conv_out(unet.conv_act(unet.conv_norm_out(x)))


def _size_after(block: Any, x: Tensor, skips: list[Tensor]) -> dict[str, tuple[int, int]]:
    """The size of the map (b c h w) that a decoder block has to end with, if that is not double.

    Where an encoder block halved an odd side, the decoder's has to become odd again.
    """
    if not (skips and getattr(block, "upsamplers", None)):
        return {}
    height, width = x.shape[2:]
    rows, columns = skips[-1].shape[2:]
    if (rows, columns) == (2 * height, 2 * width):
        return {}
    return {"upsample_size": (rows, columns)}


def self_attentions(unet: Any) -> list[nn.Module]:
    """The self-attention layers, in the order they run: SD 1.5 has 16, XL 70, ours 7."""
    parts = [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    layers = [module for part in parts for module in part.modules()]
    return [layer for layer in layers if hasattr(layer, "to_q") and not layer.is_cross_attention]


@contextmanager
def shared_attention(unet: Any, start_layer: int) -> Iterator[None]:
    r"""While this lasts, the second latent of each pair attends to the first one.

    .. math:: softmax(Q_2 K_1^T / \sqrt{c})\, V_1

    with the queries Q of the second and the keys K and values V of the first, in the
    self-attention layers from `start_layer` on. Source: mutual self-attention (MasaCtrl,
    Cao et al. 2023), which DragDiffusion calls reference-latent control.
    """

    def first_of_pair(_module: nn.Module, _inputs: Any, out: Tensor) -> Tensor:
        pairs = out.unflatten(0, (-1, 2))
        return pairs[:, :1].expand_as(pairs).flatten(0, 1)

    layers = self_attentions(unet)[start_layer:]
    projections: list[nn.Module] = []
    for layer in layers:
        projections += [layer.get_submodule("to_k"), layer.get_submodule("to_v")]
    hooks = [linear.register_forward_hook(first_of_pair) for linear in projections]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
