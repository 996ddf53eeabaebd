"""Inversions as files: one of safetensors, whose header says what was found, and with which model.

The latent, the image and the weights of a tuned generator are its tensors; everything else is a
JSON in its header, with an id that depends on all of them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from .. import arguments
from ..arguments import shown
from ..atomic import place_for, write_file
from ..file_signs import check_no_stand_in
from ..latents import checked_latent, warn_of_unseen_rows
from ..locking import one_writer
from ..numeric import is_positive, is_real
from ..reading import check_text, parse_json
from . import available_device, load, zoo
from .diffusion.file_kinds import INVERSION
from .diffusion.model import SETTINGS as DIFFUSION_SETTINGS
from .gan.checkpoint import guarded, read_data
from .gan.checkpoint.budget import Budget
from .gan.checkpoint.tensors import Stored
from .gan.model import StyleGAN2
from .gan.state_dict import from_state_dict
from .inversion import Inversion
from .protocols import Model, Restorable
from .safetensors_header import read_header

ENDING = ".safetensors"
WEIGHTS = "generator."  # what the names of a tuned generator's weights begin with
OTHER_ENDINGS = (".pt", ".pth", ".pkl", ".npy", ".npz", ".json", ".png", ".jpg", ".ckpt", ".bin")
OTHERS = "a latent that another program wrote is read by dragkit.latent(model, file)"
STAGES = 8  # of a search, such as "search" and "tuning"; ours have two
Notes = dict[str, Any]


def write_inversion(found: Inversion, path: str | Path) -> Path:
    """Write an inversion: :meth:`Inversion.save`."""
    path = _with_ending(path)
    tensors = {"latent": found.latent, "target": found.target} | _tuned_weights(found)
    plain = {name: _plain(tensor) for name, tensor in tensors.items()}
    notes = json.dumps(_notes(found))
    header = {INVERSION: notes, "id": _id_of(notes, plain)}
    contents = safetensors.torch.save(plain, header)

    with one_writer(path):
        _check_taken(place_for(path))
        return write_file(path, contents)


def read_inversion(path: str | Path, model: Model | None, device: str) -> Inversion:
    """Read an inversion: :meth:`Inversion.load`."""
    path = arguments.existing_file("path", _with_ending(path))
    notes, tensors = _checked_contents(path)
    weights = {
        name.removeprefix(WEIGHTS): tensor
        for name, tensor in tensors.items()
        if name.startswith(WEIGHTS)
    }
    try:
        model = _model_of(notes, weights, model, device)
        latent = checked_latent(model, tensors["latent"])
        warn_of_unseen_rows(model, latent)
        target = _checked_target(model, tensors["target"]).to(latent.device)
        if isinstance(model, Restorable):  # its latents depend on settings
            model = model.restore(latent, notes["metadata"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    curves = {name: _curves(notes[name]) for name in ("losses", "psnrs")}
    psnr = math.nan if notes.get("psnr") is None else float(notes["psnr"])
    return Inversion(model, latent, target, psnr, method=notes["method"], **curves)


def _with_ending(path: str | Path) -> Path:
    path = arguments.path("path", path).expanduser()
    if path.suffix == ENDING:
        return path
    if path.suffix.lower() in OTHER_ENDINGS:
        raise ValueError(
            f"path is {path}; an inversion's file ends in {ENDING}, which is added to any other"
            f" name; {OTHERS}"
        )
    return path.with_name(path.name + ENDING)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().float().cpu().contiguous()


def _tuned_weights(found: Inversion) -> dict[str, Tensor]:
    """The weights of a tuned generator, which are in no other file."""
    if "tuning" not in found.losses or not isinstance(found.model, StyleGAN2):
        return {}
    state = found.model.generator.state_dict()
    return {f"{WEIGHTS}{name}": tensor for name, tensor in state.items()}


def _notes(found: Inversion) -> Notes:
    """Everything but the tensors, as JSON takes it."""
    model = found.model
    notes = {
        "model": model.name,
        "metadata": dict(getattr(model, "metadata", {})),
        "settings": {},
        "clamp": None,
        "psnr": None if math.isnan(found.psnr) else found.psnr,
        "losses": {stage: list(curve) for stage, curve in found.losses.items()},
        "psnrs": {stage: list(curve) for stage, curve in found.psnrs.items()},
        "method": found.method,
    }
    if isinstance(model, StyleGAN2):
        notes["settings"] = {name: getattr(model, name) for name in zoo.SETTINGS}
        notes["clamp"] = model.generator.clamp
    return notes


def _id_of(notes: str, tensors: Mapping[str, Tensor]) -> str:
    """16 hexadecimal digits that depend on everything in the file."""
    digest = hashlib.sha256(notes.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().data)
    return digest.hexdigest()[:16]


def _check_taken(target: Path) -> None:
    if target.exists() and INVERSION not in _header(target):
        raise FileExistsError(f"{target} exists already, and is no inversion; name another file")


def _header(path: Path) -> Mapping[str, str]:
    try:
        return read_header(path).metadata
    except ValueError:
        return {}


def _checked_contents(path: Path) -> tuple[Notes, dict[str, Tensor]]:
    """The notes and the tensors of a file, if they are those that were written together."""
    check_no_stand_in(path)
    header = _header(path)
    if not isinstance(header.get(INVERSION), str):
        raise ValueError(
            f"{path} is not an inversion that dragkit saved, or it is damaged; {OTHERS}"
        )
    network = read_data(path)[""]
    tensors = guarded(path, lambda: _tensors(network.tensors))
    if header.get("id") != _id_of(header[INVERSION], tensors):
        raise ValueError(f"{path} is damaged: its contents are not those that were saved")
    try:
        notes = parse_json(header[INVERSION].encode())
        _check_notes(notes, tensors)
    except ValueError as error:
        raise ValueError(f"{path} is not an inversion that dragkit saved: {error}") from error
    return notes, tensors


def _tensors(stored: Mapping[str, Stored]) -> dict[str, Tensor]:
    budget = Budget()
    budget.spend("numbers", sum(tensor.numbers for tensor in stored.values()))
    return {name: tensor.tensor() for name, tensor in stored.items()}


def _check_notes(notes: Any, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless all parts are there, each of its kind."""
    if not isinstance(notes, dict) or not {"latent", "target"} <= tensors.keys():
        raise ValueError("its parts are missing")
    for name in ("metadata", "settings", "losses", "psnrs"):
        if not isinstance(notes.get(name), dict):
            raise ValueError(f"{name} is {shown(notes.get(name))}; it must be an object")
    for name in ("model", "method"):
        check_text(notes.get(name), name)
    if notes.get("psnr") is not None and not is_real(notes["psnr"]):
        raise ValueError(f"psnr is {shown(notes['psnr'])}; it must be a number or null")
    if notes.get("clamp") is not None and not is_positive(notes["clamp"]):
        raise ValueError(f"clamp is {shown(notes['clamp'])}; it must be above 0 or null")
    for curves in (notes["losses"], notes["psnrs"]):
        _curves(curves)


def _curves(curves: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """The numbers of each stage."""
    if len(curves) > STAGES:
        raise ValueError(f"{len(curves)} stages; at most {STAGES} are read")
    for stage, curve in curves.items():
        check_text(stage, "a stage")
        if not isinstance(curve, list) or not all(map(is_real, curve)):
            raise ValueError(f"the curve of {stage!r} is {shown(curve)}; it must be numbers")
    return {stage: tuple(map(float, curve)) for stage, curve in curves.items()}


def _checked_target(model: Model, target: Tensor) -> Tensor:
    """The image that was inverted, if it is one of the model's size."""
    if tuple(target.shape) != (3, *model.size):
        raise ValueError(
            f"its image has shape {tuple(target.shape)}; {model.name} makes {(3, *model.size)}"
        )
    return target.clamp(0, 1)


def _model_of(notes: Notes, weights: dict[str, Tensor], model: Model | None, device: str) -> Model:
    """The model that the latent belongs to: its own weights, the given one, or a bundled one.

    Raises:
        ValueError: it is not here, or the given one has other weights.
    """
    name = notes["model"]
    then = notes["metadata"].get("fingerprint")
    if weights:
        device = available_device(device)
        model = from_state_dict(
            weights, clamp=notes.get("clamp"), device=device, **_settings(notes)
        )
    elif model is None and "kind" not in zoo.index().get(name, {"kind": "unknown"}):
        model = load(name, device, **_settings(notes))
    elif model is None:
        raise ValueError(
            f"it was found with {name!r}, which is not bundled; give that model:"
            ' dragkit.Inversion.load(path, dragkit.load("its file"))'
        )
    now = getattr(model, "fingerprint", None)
    if then is not None and now is not None and then != now:
        raise ValueError(
            f"it was found with {name} (fingerprint {then}), and {model.name} has other weights"
            f" ({now}); give the model that it was found with, in the same dtype"
        )
    return model


def _settings(notes: Notes) -> Notes:
    """How the model was opened, as :func:`dragkit.load` takes it."""
    if notes["settings"]:
        return {key: value for key, value in notes["settings"].items() if key in zoo.SETTINGS}
    metadata = notes["metadata"]
    chosen = {name: metadata[name] for name in DIFFUSION_SETTINGS if name in metadata}
    if "schedule steps" in metadata:
        chosen["steps"] = metadata["schedule steps"]
    return chosen
