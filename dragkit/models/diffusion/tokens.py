"""The words of a pipeline's tokenizer: read from its files, and only words and numbers of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...arguments import shown
from ...atomic import write_file
from ...file_signs import check_no_stand_in
from ...numeric import is_whole
from ...reading import check_text
from .pipeline_config import CONFIG, needed, read_config, read_part

WORDS = 8 << 20  # bytes of a vocabulary; CLIP's has one million, its tokenizer.json three
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


def write_tokenizer(source: Path, folder: Path, count: int) -> None:
    """Write what CLIP's tokenizer needs of the folder `source` into `folder`.

    Args:
        source: with vocab.json and merges.txt, or tokenizer.json.
        folder: exists, and is empty.
        count: how many words the text encoder knows.

    Raises:
        ValueError: a file is too large, cut short, or not what its name says.
    """
    vocabulary, merges = _words(source)
    special = _special(source)
    _check_vocabulary(vocabulary, count, source)
    _check_complete(merges, vocabulary.keys() - special.values(), source)
    written = {"vocab.json": vocabulary, "special_tokens_map.json": special}
    added = source / "added_tokens.json"
    if added.is_file():
        written["added_tokens.json"] = read_part(added, CONFIG)
        _check_vocabulary(written["added_tokens.json"], count, source)
    for name, content in written.items():
        write_file(folder / name, json.dumps(content))
    write_file(folder / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]))


def write_bare_tokenizer(folder: Path, count: int, padding: str | None) -> None:
    """Write a tokenizer that knows nothing but how a text begins and ends: for the empty prompt.

    Args:
        folder: is made.
        count: how many words the text encoder knows; the last two begin and end a text in CLIP.
        padding: the word with the number 0, if that is what fills a text; None if its end does.
    """
    begin, end = "<|startoftext|>", "<|endoftext|>"
    words = {padding or "!": 0, begin: count - 2, end: count - 1}
    special = dict(zip(SPECIAL, (begin, end, padding or end, end), strict=True))
    write_file(folder / "vocab.json", json.dumps(words))
    write_file(folder / "merges.txt", "#version: 0.2\n")
    write_file(folder / "special_tokens_map.json", json.dumps(special))


def _words(source: Path) -> tuple[Any, list[str]]:
    """The vocabulary, word → number, and the pairs that are merged, in their order."""
    if not (source / "vocab.json").is_file():
        return _words_of_one_file(source / "tokenizer.json")
    path = source / "merges.txt"
    if path.stat().st_size > WORDS:
        raise ValueError(f"{path} has more than {WORDS:,} bytes, which is the most that is read")
    check_no_stand_in(path, text_wanted=True)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text ({error}); fetch it again") from error
    first = 1 if lines[0].startswith("#version") else 0
    merges = [line for line in lines[first:] if line]
    return read_part(source / "vocab.json", WORDS), _checked_merges(merges, path)


def _words_of_one_file(path: Path) -> tuple[Any, list[str]]:
    """As transformers 5 writes it."""
    config = read_part(path, WORDS)
    model = config.get("model") if isinstance(config, dict) else None
    if not isinstance(model, dict) or not isinstance(model.get("merges"), list):
        raise ValueError(f"{path} has no model with merges; fetch it again")
    needed(("vocab",), model, path)
    merges = [
        " ".join(map(str, pair)) if isinstance(pair, list) else pair for pair in model["merges"]
    ]
    return model["vocab"], _checked_merges(merges, path)


def _checked_merges(merges: list[Any], path: Path) -> list[str]:
    for merge in merges:
        if not isinstance(merge, str) or len(merge.split(" ")) != 2 or "\n" in merge:
            raise ValueError(f"{path}: {shown(merge)} is not a pair of words to merge")
    return merges


def _check_vocabulary(vocabulary: Any, count: int, source: Path) -> None:
    if not (isinstance(vocabulary, dict) and vocabulary):
        raise ValueError(f"{source}: its vocabulary is {shown(vocabulary)}, not words")
    for word, number in vocabulary.items():
        if not is_whole(number, 0, count - 1):
            raise ValueError(
                f"{source} does not fit the text encoder: the word {shown(word)} has the number"
                f" {shown(number)}; the text encoder knows 0 to {count - 1}"
            )


def _check_complete(merges: list[str], words: Iterable[str], source: Path) -> None:
    """Raise ValueError if a word of several letters is made by none of the pairs.

    So it is where a download was cut, and a prompt would fall into other words. What is in angle
    brackets, such as "<|endoftext|>", is no text.
    """
    made = {pair.replace(" ", "") for pair in merges}
    for word in sorted(words):
        letters = word.removesuffix("</w>")
        is_text = not (letters.startswith("<") and letters.endswith(">"))
        if len(letters) > 1 and is_text and word not in made:
            raise ValueError(
                f"{source} does not hold a tokenizer that is whole: none of its {len(merges)}"
                f" merges makes the word {shown(word)} of its vocabulary; fetch merges.txt, or"
                " tokenizer.json, again"
            )


def _special(source: Path) -> dict[str, str]:
    """The words that begin, end and fill a text, and stand for unknown ones."""
    found: dict[str, str] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = source / name
        if not path.is_file():
            continue
        config = read_config(path)
        for key in SPECIAL:
            value = config.get(key)
            if isinstance(value, dict):
                value = value.get("content")
            if value is not None:
                check_text(value, f"{path}: {key}")
                found[key] = value
    return found
