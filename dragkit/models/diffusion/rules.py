"""What a configuration may say: a rule for each of its values, as a closed list.

A configuration file decides how large a network is, and can ask the libraries that read it for
more than numbers: for another folder, for code. So only what a rule knows is passed on to them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ...arguments import shown
from ...numeric import is_real, is_whole

MOST = 6  # values in a list, one for each block of a network


class Rule(NamedTuple):
    """Which values are allowed, and how a message calls them."""

    fits: Callable[[Any], bool]
    says: str


def whole(least: int, most: int) -> Rule:
    """A whole number."""
    fits = partial(is_whole, least=least, most=most)
    return Rule(fits, f"a whole number from {least} to {most}")


def real(least: float, most: float) -> Rule:
    """A finite number."""

    def fits(value: Any) -> bool:
        return is_real(value) and least <= value <= most

    return Rule(fits, f"a number from {least:g} to {most:g}")


def one_of(*choices: Any) -> Rule:
    """One of a few values."""
    return Rule(choices.__contains__, " or ".join(map(repr, choices)))


def each(rule: Rule) -> Rule:
    """A list, one value for each block."""

    def fits(value: Any) -> bool:
        return isinstance(value, list) and 1 <= len(value) <= MOST and all(map(rule.fits, value))

    return Rule(fits, f"a list of 1 to {MOST}, each of them {rule.says}")


def one_or_each(rule: Rule) -> Rule:
    """One value for all blocks, or a list."""

    def fits(value: Any) -> bool:
        return rule.fits(value) or each(rule).fits(value)

    return Rule(fits, f"{rule.says}, or a list of 1 to {MOST} of them")


def one_or_pair(rule: Rule) -> Rule:
    """One value for both sides of an image, or (height, width)."""

    def fits(value: Any) -> bool:
        is_pair = isinstance(value, list) and len(value) == 2
        return rule.fits(value) or (is_pair and all(map(rule.fits, value)))

    return Rule(fits, f"{rule.says}, or a pair of them")


def or_none(rule: Rule) -> Rule:
    """Null, or what another rule allows."""

    def fits(value: Any) -> bool:
        return value is None or rule.fits(value)

    return Rule(fits, f"None, or {rule.says}")


def apply(rules: Mapping[str, Rule], config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values of a configuration that a rule knows.

    Raises:
        ValueError: one of them does not fit; the message names the file, the value and the rule.
    """
    for name, rule in rules.items():
        if name in config and not rule.fits(config[name]):
            raise ValueError(f"{path}: {name} is {shown(config[name])}; it must be {rule.says}")
    return {name: config[name] for name in rules if name in config}


def check_defaults(
    kind: Any, rules: Mapping[str, Rule], config: Mapping[str, Any], path: Path
) -> None:
    """Raise ValueError if a setting of the class `kind` without a rule is not its default.

    Without it another network would be built than the one that was trained.
    """
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name in rules or name not in config:
            continue
        default = parameter.default
        if isinstance(default, tuple):
            default = list(default)
        if config[name] != default:
            raise ValueError(
                f"{path}: {name} is {shown(config[name])}, and {default!r} in every Stable"
                " Diffusion 1 and 2 and in XL; dragkit opens no others"
            )
