"""The closed list: the names that a pickle may use, and what stands in for each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .arrays import Array, Dtype, frombuffer, latin1, ndarray, scalar
from .budget import Budget
from .networks import Node
from .tensors import STORAGE_TYPES, nested_storage, rebuild_parameter, rebuild_tensor
from .values import expect, plain, short

# Classes of the public StyleGAN2 codes, of torch where these use it, and of ours, in whatever
# module they stand: whole generators are pickled, too. Nothing is taken of an object but its data.
MODULES = (
    *("Generator", "MappingNetwork", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer"),
    *("ToRGBLayer", "FullyConnectedLayer", "PixelNorm", "EqualLinear", "ConstantInput"),
    *("StyledConv", "ModulatedConv2d", "NoiseInjection", "FusedLeakyReLU", "ScaledLeakyReLU"),
    *("ToRGB", "Blur", "Upsample", "Downsample", "Module", "Sequential", "ModuleList"),
    *("DataParallel", "DistributedDataParallel"),
    *("Mapping", "FullyConnected", "Synthesis", "Block", "ModulatedConv"),
)


def persistent_object(meta: Any) -> Node:
    """Stands in for NVIDIA's persistent classes, which would execute ``meta["module_src"]``."""
    return Node(short(meta["class_name"]), meta["state"])


def size(items: Any) -> tuple[Any, ...]:
    """Stands in for ``torch.Size``."""
    return expect(items, tuple)


def nothing(*_: Any) -> None:
    """Stands in for ``torch.device``, which is not needed."""


def no_bytes() -> memoryview:
    """Stands in for Python 2's ``bytes`` without arguments."""
    return memoryview(b"")


def empty_array(*_: Any) -> Array:
    """Stands in for NumPy's ``_reconstruct``: an array that gets its state later."""
    return Array()


def known(budget: Budget) -> dict[str, Callable[..., Any]]:
    """The closed list of names, each with what stands in for it, for one file."""

    def items(given: Any = ()) -> dict[Any, Any]:
        budget.spend("opcodes and items", len(given))
        return {plain(key): value for key, value in given}

    def members(given: Any = ()) -> set[Any]:
        budget.spend("opcodes and items", len(given))
        return set(map(plain, given))

    return {
        "torch_utils.persistence._reconstruct_persistent_obj": persistent_object,
        "dnnlib.tflib.network.Network": partial(Node, "Network"),
        "argparse.Namespace": partial(Node, "Namespace"),
        "dnnlib.util.EasyDict": items,
        "collections.OrderedDict": items,
        "builtins.set": members,
        "__builtin__.set": members,
        "torch._utils._rebuild_tensor_v2": rebuild_tensor,
        "torch._utils._rebuild_parameter": rebuild_parameter,
        "torch._utils._rebuild_parameter_with_state": rebuild_parameter,
        "torch.storage._load_from_bytes": partial(nested_storage, budget),
        "torch.Size": size,
        "torch.device": nothing,
        "_codecs.encode": partial(latin1, budget),
        "__builtin__.bytes": no_bytes,
        "numpy.dtype": Dtype,
        "numpy.ndarray": ndarray,
        "numpy.core.multiarray.scalar": scalar,
        "numpy.core.multiarray._reconstruct": empty_array,
        "numpy.core.numeric._frombuffer": frombuffer,
        "numpy._core.multiarray.scalar": scalar,
        "numpy._core.multiarray._reconstruct": empty_array,
        "numpy._core.numeric._frombuffer": frombuffer,
        **STORAGE_TYPES,
        **{f"*.{kind}": partial(Node, kind) for kind in MODULES},
    }
