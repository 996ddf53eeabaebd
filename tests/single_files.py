"""Single files of Stable Diffusion, as its original code names the weights: diffusers' loader read
backwards.
"""

import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
OUTSIDE = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def write_single_file(path: Path, folder: Path, half: bool = False) -> Path:
    """The weights of the pipeline in `folder` as one file."""
    weights = _unet(load_file(folder / "unet" / "diffusion_pytorch_model.safetensors"))
    weights |= _vae(load_file(folder / "vae" / "diffusion_pytorch_model.safetensors"))
    words = load_file(folder / "text_encoder" / "model.safetensors")
    if (folder / "text_encoder_2").is_dir():
        weights |= _clip("conditioner.embedders.0.transformer.", words)
        weights |= _open_clip(load_file(folder / "text_encoder_2" / "model.safetensors"))
    else:
        weights |= _clip("cond_stage_model.transformer.", words)
    if half:
        weights = {name: value.half() for name, value in weights.items()}
    save_file({name: value.contiguous() for name, value in weights.items()}, path)
    return path


def _unet(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    with_attention = {
        int(found[1]) for name in weights if (found := re.match(r"up_blocks\.(\d+)\.attent", name))
    }

    def original(name: str) -> str:
        for now, then in OUTSIDE.items():
            if name.startswith(now + "."):
                name = name.replace(now, then, 1)
        if found := re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions)\.(\d)\.", name):
            side, block, kind, layer = found[1], int(found[2]), found[3], int(found[4])
            number = 3 * block + layer + (side == "down")
            place = f"{'input' if side == 'down' else 'output'}_blocks.{number}"
            name = f"{place}.{int(kind == 'attentions')}." + name[found.end() :]
        if found := re.match(r"down_blocks\.(\d)\.downsamplers\.0\.conv", name):
            name = f"input_blocks.{3 * int(found[1]) + 3}.0.op" + name[found.end() :]
        if found := re.match(r"up_blocks\.(\d)\.upsamplers\.0\.conv", name):
            block = int(found[1])
            place = 2 if block in with_attention else 1
            name = f"output_blocks.{3 * block + 2}.{place}.conv" + name[found.end() :]
        if re.match(r"(input|output)_blocks\.\d+\.0\.|middle_block\.[02]\.", name):
            name = _renamed(name, RESNET)
        return "model.diffusion_model." + name

    return {original(name): value for name, value in weights.items()}


def _vae(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    for name, value in weights.items():
        if ".attentions.0." in name:
            name = _renamed(name.replace("mid_block.attentions.0", "mid.attn_1"), ATTENTION)
            if name.endswith("weight") and value.ndim == 2:
                value = value[:, :, None, None]
        name = name.replace("mid_block.resnets.0", "mid.block_1")
        name = name.replace("mid_block.resnets.1", "mid.block_2").replace(
            "conv_norm_out", "norm_out"
        )
        name = name.replace("conv_shortcut", "nin_shortcut").replace(".resnets.", ".block.")
        name = name.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
        name = name.replace("down_blocks", "down")
        name = re.sub(r"up_blocks\.(\d)", lambda block: f"up.{3 - int(block[1])}", name)
        found["first_stage_model." + name] = value
    return found


def _clip(prefix: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        prefix + "text_model." + name.removeprefix("text_model."): value
        for name, value in weights.items()
    }


def _open_clip(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {"text_projection": weights.pop("text_projection.weight").T}
    for name, value in weights.items():
        name = name.removeprefix("text_model.")
        name = name.replace("embeddings.position_embedding.weight", "positional_embedding")
        name = name.replace("embeddings.token_embedding", "token_embedding")
        name = name.replace("final_layer_norm", "ln_final")
        name = _renamed(name.replace("encoder.layers", "transformer.resblocks"), OPEN_CLIP)
        found[name] = value
    for name in [name for name in found if ".self_attn.q_proj." in name]:
        parts = [found.pop(name.replace("q_proj", f"{letter}_proj")) for letter in "qkv"]
        block, kind = name.split(".self_attn.q_proj.")
        found[f"{block}.attn.in_proj_{kind}"] = torch.cat(parts)
    return {"conditioner.embedders.1.model." + name: value for name, value in found.items()}


def _renamed(name: str, names: dict[str, str]) -> str:
    for now, then in names.items():
        name = name.replace(f".{now}.", f".{then}.")
    return name
