"""Which of the arrays that somebody gave is the latent of a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..arguments import shown
from ..latents import LatentSpace, axes_to_own
from ..numeric import is_whole
from .latent_files import Leaf, shape_of

# what programs call a latent, the surest first, and what they call the average that lies beside it
NAMES = ("latent", "latents", "w_pivot", "w_plus", "w+", "wp", "ws", "w", "codes", "projected_w")
AVERAGES = ("latent_avg", "w_avg", "dlatent_avg", "mean_latent")
INPUTS = ("z", "zs")  # what the mapping network takes, which is no w
LISTED = 8  # entries of a file in a message
DIGITS = 9  # of a number in a name


def chosen(
    model: LatentSpace, found: Mapping[str, Leaf], which: int | str | None
) -> tuple[str, int | None]:
    """The name of the one array that is meant, and which of the latents in it, if that is open.

    Raises:
        ValueError: none of them fits the model, or several do.
    """
    named, number = _named(found, which)
    fitting = {
        name: leaf
        for name, leaf in named.items()
        if last_part(name) not in (*AVERAGES, *INPUTS) and _fits(model, shape_of(leaf), number)
    }
    if not fitting:
        raise ValueError(
            f"no latent of {model.name} is in it: its latents have shape"
            f" {tuple(model.latent_shape)}, and it holds {_listed(named)}"
            f"{_hint_at_rows(model, named)}"
        )
    surest = min(map(_rank, fitting))
    best = [name for name in fitting if _rank(name) == surest]
    if isinstance(which, str) and _are_steps(best, which):
        _tell_of_steps(best, which)
        return best[-1], None
    if len(best) > 1:
        raise ValueError(
            f"{len(best)} latents of {model.name} are in it: {_listed(fitting)}; name one, such as"
            f" which={_as_given(best[0])!r}"
        )
    return best[0], number


def last_part(name: str) -> str:
    """The last word of an entry's name, "latent" of "face.png.latent"."""
    return name.rpartition(".")[2].lower()


def _named(
    found: Mapping[str, Leaf], which: int | str | None
) -> tuple[Mapping[str, Leaf], int | None]:
    """Those that `which` names, by a word or by their place in a list, and the number left."""
    if isinstance(which, str):
        return _named_by_word(found, which)
    if which is None or not is_whole(which):
        return found, None

    number = int(which)
    places = {name.partition(".")[0] for name in found}
    if str(number) in places and len(places) > 1:
        return {name: leaf for name, leaf in found.items() if is_within(name, str(number))}, None
    return found, number


def _named_by_word(found: Mapping[str, Leaf], which: str) -> tuple[Mapping[str, Leaf], int | None]:
    """The same for a word, which may end in a number: "face.png.3" of an array "face.png"."""
    if which in found:
        return {which: found[which]}, None
    named = {name: leaf for name, leaf in found.items() if _is_named(name, which)}
    if named:
        return named, None

    rest, _, number = which.rpartition(".")
    named = {name: leaf for name, leaf in found.items() if not rest or _is_named(name, rest)}
    if not (named and number.isdecimal() and len(number) <= DIGITS):
        raise ValueError(f"which is {shown(which)}; it holds {_listed(found)}")
    return named, int(number)


def _fits(model: LatentSpace, shape: tuple[int, ...], number: Any) -> bool:
    """Whether an array is a latent of the model, or a batch of them."""
    own = tuple(model.latent_shape)
    if 0 in shape:
        return False
    if axes_to_own(shape, own) is not None:
        return True
    # (b w) with a number is a batch of single rows; without, it may be another generator's (n w)
    in_batch = len(shape) > len(own) or (is_whole(number) and len(shape) == len(own))
    return in_batch and axes_to_own(shape[1:], own) is not None


def _hint_at_rows(model: LatentSpace, named: Mapping[str, Leaf]) -> str:
    """What else an array (b w) may be; or what a z is for."""
    if any(last_part(name) in INPUTS for name in named):
        return "; a z is no w yet, and becomes one by model.generator.mapping(z)"
    for shape in map(shape_of, named.values()):
        if _fits(model, shape, 0):
            return (
                f"; that is another generator's w+, or {shape[0]} single rows w, of which"
                " which=0 takes the first"
            )
    return ""


def _is_named(name: str, which: str) -> bool:
    """Whether an entry has this name, or is in what has it, or ends in it."""
    return is_within(name, which) or name.endswith(f".{which}")


def is_within(name: str, group: str) -> bool:
    """Whether an entry has this name, or is in the dict or list of this name; all are in ""."""
    return not group or name == group or name.startswith(f"{group}.")


def _as_given(name: str) -> int | str:
    """A name as people give it: a number's is the number."""
    is_number = name.isdecimal() and name == str(int(name[:DIGITS]))
    return int(name) if is_number else name


def _are_steps(names: Sequence[str], which: str) -> bool:
    """Whether these are the members of one list, as ReStyle writes its steps for an image."""
    return len(names) > 1 and list(names) == [f"{which}.{k}" for k in range(len(names))]


def _tell_of_steps(names: Sequence[str], which: str) -> None:
    warnings.warn(
        f"{which!r} has {len(names)} latents, the steps of an encoder; the last one is taken;"
        f" which={names[0]!r} takes the first",
        stacklevel=5,
    )


def _rank(name: str) -> int:
    """How surely an entry of this name is the latent; the least is the surest."""
    last = last_part(name)
    return NAMES.index(last) if last in NAMES else len(NAMES)


def _listed(found: Mapping[str, Leaf]) -> str:
    some = [f"{name or 'one array'} {shape_of(leaf)}" for name, leaf in found.items()]
    more = f" and {len(some) - LISTED} more" if len(some) > LISTED else ""
    return (", ".join(some[:LISTED]) + more) or "no arrays"
