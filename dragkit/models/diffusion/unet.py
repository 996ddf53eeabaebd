r"""A diffusers UNet, opened: its blocks one after the other, and its self-attention layers.

A UNet in diffusers is one call. Here it is a generator that hands out what each decoder block made
and goes on only when somebody asks, so reading a block costs no more than the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def stages(unet: Any, z: Tensor, t: Tensor, text: Tensor | None = None) -> Iterator[Tensor]:
    """What a UNet makes of latents on its way: the middle, each decoder block, and last the
    prediction (b c h w).

    Stage i is DragDiffusion's feature ``unet_feature_idx=i``: 0 the middle, 1 the first (coarsest)
    decoder block.

    Args:
        unet: an `UNet2DModel`, or an `UNet2DConditionModel` as Stable Diffusion 1 and 2 have it.
        z: (b c h w) the noisy latents.
        t: (1) their time.
        text: (b tokens c) what the prompt became, for the conditional one.
    """
    emb = unet.time_embedding(unet.time_proj(t.expand(len(z))).to(z.dtype))
    seen = lambda block: (
        {"encoder_hidden_states": text} if getattr(block, "has_cross_attention", False) else {}
    )
    x = unet.conv_in(z)
    skips = [x]
    for block in unet.down_blocks:
        x, new = block(x, emb, **seen(block))
        skips += new
    x = unet.mid_block(x, emb, **seen(unet.mid_block))
    yield x
    for block in unet.up_blocks:
        count = len(block.resnets)
        x = block(x, tuple(skips[-count:]), emb, **seen(block))
        del skips[-count:]
        yield x
    yield unet.conv_out(unet.conv_act(unet.conv_norm_out(x)))


def self_attentions(unet: Any) -> list[nn.Module]:
    """The self-attention layers in the order in which an image meets them: Stable Diffusion has
    16, ours 7.
    """
    from diffusers.models.attention_processor import Attention

    parts = [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    return [
        m
        for part in parts
        for m in part.modules()
        if isinstance(m, Attention) and not m.is_cross_attention
    ]


@contextmanager
def shared_attention(unet: Any, start_layer: int):
    r"""While this lasts, latents come in pairs and the second one of each looks at the first one's
    keys and values.

    .. math:: softmax(Q_2 K_1^T / \sqrt{c})\, V_1

    in the self-attention layers from `start_layer` on. Source: mutual self-attention (MasaCtrl,
    Cao et al. 2023), which DragDiffusion calls reference-latent control.
    """

    def first_of_pair(_module, _inputs, out: Tensor) -> Tensor:
        pairs = out.unflatten(0, (-1, 2))
        return pairs[:, :1].expand_as(pairs).flatten(0, 1)

    layers = [
        linear
        for layer in self_attentions(unet)[start_layer:]
        for linear in (layer.to_k, layer.to_v)
    ]
    hooks = [linear.register_forward_hook(first_of_pair) for linear in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
