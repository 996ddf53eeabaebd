"""Damage for fuzzing: JSON with places changed, and bytes flipped or cut off."""

import json
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

many = settings(
    max_examples=int(os.environ.get("DRAGKIT_FUZZ", "500")),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value, path=()):
    """Every place in a JSON, as a path of keys."""
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    if isinstance(value, list):
        for i, part in enumerate(value[:3]):
            yield from places(part, (*path, i))


def changed(value, path, new):
    """A copy of a JSON with `new` at a place; None for what should be left out."""
    if not path:
        return new
    value = json.loads(json.dumps(value))
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if new is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return value


@st.composite
def damaged(draw, good):
    """A JSON with one to three places changed."""
    for _ in range(draw(st.integers(1, 3))):
        good = changed(good, draw(st.sampled_from(list(places(good)))), draw(VALUES))
    return good


def flipped(data, contents):
    """Some bytes changed, or the end cut off."""
    contents = bytearray(contents)
    if data.draw(st.booleans()):
        return bytes(contents[: data.draw(st.integers(0, len(contents)))])
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    return bytes(contents)
