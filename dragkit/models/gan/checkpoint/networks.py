"""Networks, found in the inert data that a pickle became."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ....numeric import is_positive
from .arrays import Array
from .budget import Budget, CheckpointError
from .prefixes import prefixes
from .tensors import Stored
from .values import Inert, expect, short

DEPTH = 16  # objects in objects; a generator has 4
LATENT = "if it is a latent, bring it to a model: dragkit.latent(model, file)"
NESTED = 3  # dicts around the dict that holds a generator


class Node(Inert):
    """Stands in for an object: its class's name and its state, without the class itself."""

    def __init__(self, kind: str, state: Any = None) -> None:
        self.kind = kind
        self.state: dict[str, Any] = {} if state is None else expect(state, dict)

    def build(self, state: Any) -> None:
        """Take the object's attributes."""
        self.state = expect(state, dict)


@dataclass(frozen=True, eq=False)
class Network:
    """One network of a file.

    Attributes:
        kind: the name of its class.
        tensors: by name.
        arguments: that it was built with.
        clamp: the bound of its activations, if any.
        beside: the tensors that lie beside it in the file, such as the average latent.
    """

    kind: str
    tensors: dict[str, Stored]
    arguments: dict[str, Any] = field(default_factory=dict)
    clamp: float | None = None
    beside: dict[str, Stored] = field(default_factory=dict)


def networks_of(root: Any, budget: Budget) -> Iterator[tuple[str, Network]]:
    """The networks in a file's data, each with its name, which is "" for the file itself."""
    if isinstance(root, tuple):  # a pickle of the TensorFlow era
        root = dict(zip(("G", "D", "Gs"), root, strict=False))
    elif isinstance(root, Node):
        root = {"": root}
    if not isinstance(root, dict):
        raise CheckpointError(f"it holds {_without_names(root)}")

    found = dict(_networks_in(root, budget))
    if not found:
        found = {"": Network("state dict", _tensors_of(root, budget))}
    yield from found.items()


def _without_names(root: Any) -> str:
    if isinstance(root, Array) and root.stored:
        root = root.stored
    if isinstance(root, Stored):
        return f"one array of shape {root.shape}, and no network; {LATENT}"
    if isinstance(root, list):
        return f"a list of {len(root)}, and no network; {LATENT}"
    return f"one {type(root).__name__}, and no network"


def _networks_in(
    group: dict[Any, Any], budget: Budget, outer: str = "", depth: int = 0
) -> Iterator[tuple[str, Network]]:
    """The networks in a dict, and the generators in the dicts in it, such as "model.g_ema".

    Deeper down only generators count: there an optimiser has a dict for each of its tensors.
    """
    budget.spend("opcodes and items", len(group))
    beside = _tensors_of(group, budget)
    for name, value in group.items():
        full = _joined(outer, str(name), budget)
        network = _network(value, budget)
        is_generator = network is not None and bool(prefixes(network.tensors))
        if network and (is_generator or not depth):
            budget.spend("networks")
            yield full, replace(network, beside=beside)
        is_group = isinstance(value, dict) and isinstance(name, str) and not is_generator
        if is_group and depth < NESTED:
            yield from _networks_in(value, budget, f"{full}.", depth + 1)


def _network(value: Any, budget: Budget) -> Network | None:
    """What a value is as a network: an object with tensors in it, or a state dict; else None."""
    if isinstance(value, Network):
        return value
    if isinstance(value, dict):
        tensors = _tensors_of(value, budget)
        return Network("state dict", tensors) if tensors else None
    if not isinstance(value, Node):
        return None

    tensors = dict(_walk(value, budget))
    arguments = value.state.get("_init_kwargs", value.state.get("static_kwargs", {}))
    clamp = _clamp(value, expect(arguments, dict))
    return Network(value.kind, tensors, arguments, clamp) if tensors else None


def _tensors_of(state: Any, budget: Budget) -> dict[str, Stored]:
    budget.spend("opcodes and items", len(expect(state, dict)))
    return {
        name: value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, Stored)
    }


def _walk(root: Node, budget: Budget) -> Iterator[tuple[str, Stored]]:
    """Every tensor of an object and of the objects in it, with its full name."""
    pending = [("", root, 0)]
    while pending:
        prefix, node, depth = pending.pop()
        if depth > DEPTH:
            raise CheckpointError(f"objects nested {depth} deep; at most {DEPTH} are read")
        for group in ("_parameters", "_buffers"):
            for name, tensor in _tensors_of(node.state.get(group, {}), budget).items():
                yield _joined(prefix, name, budget), tensor
        variables = node.state.get("variables", ())
        budget.spend("opcodes and items", len(variables))
        for name, array in variables:
            if isinstance(array, Array) and array.stored:
                yield _joined(prefix, name, budget), array.stored
        for group, dot in (("components", "/"), ("_modules", ".")):
            parts = expect(node.state.get(group, {}), dict)
            budget.spend("opcodes and items", len(parts))
            pending += [
                (_joined(prefix, f"{name}{dot}", budget), part, depth + 1)
                for name, part in reversed(parts.items())
                if isinstance(part, Node)
            ]


def _joined(prefix: str, name: Any, budget: Budget) -> str:
    """A full name: one object may stand in many places, and each has a name of its own."""
    budget.spend("bytes of text", len(prefix) + len(short(name)))
    return short(prefix + name)


def _clamp(node: Node, arguments: dict[str, Any]) -> float | None:
    """The bound of the activations.

    A PyTorch generator has it in every convolution; for a TensorFlow one it is an argument.
    """
    for name in ("synthesis", "b4", "conv1"):
        part = node.state.get("_modules", {}).get(name)
        if not isinstance(part, Node):
            return bound(arguments.get("conv_clamp"))
        node = part
    return bound(node.state.get("conv_clamp", node.state.get("clamp")))  # the second is ours


def bound(clamp: Any) -> float | None:
    """The clamp as a number, or None.

    Raises:
        CheckpointError: it is something else.
    """
    if clamp is not None and not is_positive(clamp):
        raise CheckpointError("a clamp of activations that is not a number above 0")
    return clamp and float(clamp)
