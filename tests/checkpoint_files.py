"""Writes checkpoints as others write them, from a small generator of ours, so that tests know what
must come out.

The pickling layout is that of the public code: a persistent object is a call of
``_reconstruct_persistent_obj(meta)``, where meta holds the source of its module; modules keep
their hooks, gains and constructor arguments. Pickle wants the classes it writes to exist, so empty
ones stand in for them while a file is written.
"""

import collections
import contextlib
import math
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dragkit.models.gan.network import Generator

SOURCE = "raise RuntimeError('module_src was executed')\n"
CHANNELS = {4: 8, 8: 8, 16: 6, 32: 4, 64: 4}


class EasyDict(dict):
    """dnnlib.util.EasyDict."""


class Network:
    """dnnlib.tflib.network.Network: its state is what a TensorFlow pickle holds."""


def reconstruct(meta):
    """torch_utils.persistence._reconstruct_persistent_obj."""
    raise AssertionError("called")


class Persistent:
    """An object that pickles as a persistent class does."""

    def __init__(self, class_name: str, state: dict, source: str = SOURCE) -> None:
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": source,
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self):
        return reconstruct, (self.meta,), None


@contextlib.contextmanager
def foreign_modules() -> Iterator[None]:
    """The modules whose names stand in the pickles."""
    homes = {
        "torch_utils.persistence": ("_reconstruct_persistent_obj", reconstruct),
        "dnnlib.util": ("EasyDict", EasyDict),
        "dnnlib.tflib.network": ("Network", Network),
    }
    before = set(sys.modules)
    for home, (name, thing) in homes.items():
        for k in range(1, home.count(".") + 2):
            sys.modules.setdefault(".".join(home.split(".")[:k]), types.ModuleType(home))
        setattr(sys.modules[home], name, thing)
        thing.__module__, thing.__qualname__ = home, name
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            if name.split(".")[0] in ("torch_utils", "dnnlib"):
                del sys.modules[name]


def network(
    side: int = 16,
    z_dim: int = 8,
    w_dim: int = 8,
    layers: int = 2,
    seed: int = 0,
    clamp: float | None = None,
    first: tuple[int, int] = (4, 4),
) -> Generator:
    """A generator with random weights, noise and average."""
    random = torch.Generator().manual_seed(seed)
    made = Generator(
        {r: c for r, c in CHANNELS.items() if r <= side},
        z_dim,
        w_dim,
        layers,
        **({"clamp": clamp} if clamp else {}),
        first=first,
    )
    for name, value in made.state_dict().items():
        if not name.endswith("resample_filter"):
            value.copy_(
                torch.randn(value.shape, generator=random)
                * (100 if "fc" in name and "weight" in name else 1)
            )
    return made.eval()


def arguments(made: Generator) -> EasyDict:
    """`_init_kwargs` as a public file has them."""
    side = made.synthesis.resolutions[-1]
    mapping = EasyDict(
        num_layers=made.mapping.layers,
        embed_features=None,
        layer_features=None,
        activation="lrelu",
        lr_multiplier=0.01,
        w_avg_beta=0.995,
    )
    synthesis = EasyDict(
        channel_base=32768,
        channel_max=512,
        num_fp16_res=0,
        conv_clamp=None,
        architecture="skip",
        resample_filter=[1, 3, 3, 1],
        use_noise=True,
        activation="lrelu",
    )
    w_dim = len(made.mapping.w_avg)
    return EasyDict(
        z_dim=made.mapping.z_dim,
        c_dim=0,
        w_dim=w_dim,
        img_resolution=side,
        img_channels=3,
        mapping_kwargs=mapping,
        synthesis_kwargs=synthesis,
    )


def persistent(
    module: nn.Module, class_name: str = "Generator", clamp: float | None = None, **attributes
) -> Persistent:
    """A module of ours as a persistent object with the attributes that NVIDIA's have."""
    state = {
        name: value
        for name, value in vars(module).items()
        if name.startswith("_") or name == "training"
    }
    state["_modules"] = collections.OrderedDict(
        (name, persistent(part, type(part).__name__, clamp))
        for name, part in module._modules.items()
    )
    state["_parameters"] = collections.OrderedDict(module._parameters)
    state["_buffers"] = collections.OrderedDict(module._buffers)
    state |= {
        "weight_gain": np.float64(1 / math.sqrt(8)),
        "act_gain": np.sqrt(2),
        "conv_clamp": clamp,
        "activation": "lrelu",
        "_init_args": (),
    }
    return Persistent(class_name, state | attributes)


def write_nvidia(
    path: Path, made: Generator, *, protocol: int = 4, clamp: float | None = None, **changes
) -> Path:
    """A PyTorch pickle as StyleGAN2-ADA and StyleGAN3 write it: G, D, G_ema and what they were
    trained with.
    """
    kwargs = arguments(made)
    kwargs.update({name: changes.pop(name) for name in list(changes) if name in kwargs})
    kwargs["synthesis_kwargs"].update(changes)
    ema = persistent(
        made,
        clamp=clamp,
        _init_kwargs=kwargs,
        z_dim=made.mapping.z_dim,
        num_ws=made.synthesis.num_ws,
    )
    other = persistent(network(seed=99), _init_kwargs=kwargs)
    critic = persistent(
        nn.Sequential(nn.Linear(3, 3)), "Discriminator", _init_kwargs=EasyDict(c_dim=0)
    )
    pipe = persistent(nn.BatchNorm2d(2), "AugmentPipe")
    data = {
        "training_set_kwargs": EasyDict(path="lions.zip", resolution=16),
        "G": other,
        "D": critic,
        "G_ema": ema,
        "augment_pipe": pipe,
    }
    return write(path, data, protocol)


def write(path: Path, data, protocol: int = 4) -> Path:
    """Pickle `data`."""
    with foreign_modules(), path.open("wb") as file:
        pickle.dump(data, file, protocol=protocol)
    return path


def write_tensorflow(path: Path, made: Generator, protocol: int = 4, **changes) -> Path:
    """A TensorFlow pickle: (G, D, Gs), each a Network with variables, and components for mapping
    and synthesis.
    """
    side, state = (
        made.synthesis.resolutions[-1],
        {n: t.numpy() for n, t in made.state_dict().items()},
    )
    mapping = {}
    for i in range(made.mapping.layers):
        mapping[f"Dense{i}/weight"], mapping[f"Dense{i}/bias"] = (
            state[f"mapping.fc{i}.weight"].T,
            state[f"mapping.fc{i}.bias"],
        )
    synthesis = {"4x4/Const/const": state["synthesis.b4.const"][None]}
    for k, r in enumerate(made.synthesis.resolutions):
        for ours, theirs, noise in (
            ("conv0", "Conv0_up", 2 * k - 1),
            ("conv1", "Conv1" if k else "Conv", 2 * k),
            ("torgb", "ToRGB", None),
        ):
            if f"synthesis.b{r}.{ours}.weight" not in state:
                continue
            part = lambda name: state[f"synthesis.b{r}.{ours}.{name}"]  # noqa: B023
            weight = part("weight").transpose(2, 3, 1, 0)
            synthesis |= {
                f"{r}x{r}/{theirs}/weight": weight[::-1, ::-1] if ours == "conv0" else weight,
                f"{r}x{r}/{theirs}/bias": part("bias"),
                f"{r}x{r}/{theirs}/mod_weight": part("affine.weight").T,
                f"{r}x{r}/{theirs}/mod_bias": part("affine.bias") - 1,
            }
            if noise is not None:
                synthesis[f"{r}x{r}/{theirs}/noise_strength"] = part("noise_strength")
                synthesis[f"noise{noise}"] = part("noise_const")[None, None]

    def tf(variables: dict, components: dict, **kwargs) -> Network:
        made = Network()
        made.__dict__ = {
            "version": 4,
            "name": "G",
            "static_kwargs": kwargs,
            "components": components,
            "build_module_src": SOURCE,
            "build_func_name": "G_main",
            "variables": [(name, np.array(value)) for name, value in variables.items()],
        }
        return made

    kwargs = {
        "func_name": "training.networks_stylegan2.G_main",
        "num_channels": 3,
        "resolution": side,
        "label_size": 0,
        "fmap_base": 16384,
    } | changes
    full = tf(
        {"lod": np.float32(0), "dlatent_avg": state["mapping.w_avg"]},
        {"mapping": tf(mapping, {}), "synthesis": tf(synthesis, {})},
        **kwargs,
    )
    return write(path, (tf({"x": np.zeros(2, np.float32)}, {}), tf({}, {}), full), protocol)


def rosinality(made: Generator) -> dict[str, torch.Tensor]:
    """The generator's state dict under rosinality's names."""
    state = made.state_dict()
    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16

    def part(place: str, name: str) -> torch.Tensor:
        return state[f"synthesis.{place}.{name}"]

    theirs = collections.OrderedDict({"input.input": state["synthesis.b4.const"][None]})
    for i in range(made.mapping.layers):
        theirs |= {
            f"style.{i + 1}.{part}": state[f"mapping.fc{i}.{part}"] for part in ("weight", "bias")
        }
    for k, r in enumerate(made.synthesis.resolutions):
        for ours, n in (("conv0", 2 * k - 1), ("conv1", 2 * k)):
            if f"synthesis.b{r}.{ours}.weight" in state:
                layer = f"convs.{n - 1}" if k else "conv1"
                conv = f"b{r}.{ours}"
                theirs |= {
                    f"{layer}.conv.weight": part(conv, "weight")[None],
                    f"{layer}.conv.modulation.weight": part(conv, "affine.weight"),
                    f"{layer}.conv.modulation.bias": part(conv, "affine.bias"),
                    f"{layer}.noise.weight": part(conv, "noise_strength").reshape(1),
                    f"{layer}.activate.bias": part(conv, "bias"),
                    f"noises.noise_{n}": part(conv, "noise_const")[None, None],
                }
                if ours == "conv0":
                    theirs[f"{layer}.conv.blur.kernel"] = kernel
        layer = f"to_rgbs.{k - 1}" if k else "to_rgb1"
        torgb = f"b{r}.torgb"
        theirs |= {
            f"{layer}.conv.weight": part(torgb, "weight")[None],
            f"{layer}.conv.modulation.weight": part(torgb, "affine.weight"),
            f"{layer}.conv.modulation.bias": part(torgb, "affine.bias"),
            f"{layer}.bias": part(torgb, "bias").reshape(1, 3, 1, 1),
        }
        if k:
            theirs[f"{layer}.upsample.kernel"] = kernel
    return theirs
