"""A diffusers folder, checked before seconds are spent on opening it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ...file_signs import check_no_stand_in
from ...reading import read_bytes
from ..safetensors_header import read_header
from .encoders import FIRST, SECOND, encoders_of, is_xl
from .fitting import CHANNELS, check_kind
from .pipeline_config import read_config
from .pipeline_weights import weight_files
from .weights import check_weights_size

# the files of each kind of part, besides its weights
NETWORK = ("config.json",)
TOKENIZER = ("vocab.json", "merges.txt")  # or tokenizer.json alone, as transformers 5 writes it
SCHEDULER = ("scheduler_config.json",)
UNET_CONFIG = "unet/config.json"
# entries of a UNet's configuration for inputs that no Stable Diffusion 1, 2 or XL has
OTHER_INPUTS = (
    "class_embed_type",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
    "center_input_sample",
)
ADAPTER = "adapter_config.json"
REVISION = 200  # characters of what refs/main says
CONVERT = (
    "diffusers.StableDiffusionPipeline.from_pretrained(folder,"
    " local_files_only=True).save_pretrained(new_folder, safe_serialization=True)"
)


def pipeline_folder(folder: Path) -> Path:
    """The folder that a pipeline is in: itself, or a snapshot in the hub's cache.

    There ``models--owner--name`` has a folder of links for each revision in snapshots/, and
    refs/main says which one is the newest.

    Raises:
        ValueError: there are several snapshots, and refs/main names none of them.
    """
    if (folder / "model_index.json").is_file():
        return folder
    if folder.name == "snapshots":
        folder = folder.parent
    snapshots = folder / "snapshots"
    if not snapshots.is_dir():
        return folder

    found = {path.name: path for path in sorted(snapshots.iterdir()) if path.is_dir()}
    main = folder / "refs" / "main"
    newest = ""
    if main.is_file():
        newest = read_bytes(main, REVISION).decode("utf-8", "replace").strip()
    if newest in found:
        return found[newest]
    if len(found) != 1:
        some = ", ".join(list(found)[:4])
        raise ValueError(
            f"{folder} is a folder of the hub's cache with {len(found)} snapshots ({some}), and"
            " its refs/main names none of them; give the folder of one, snapshots/…"
        )
    return next(iter(found.values()))


def check_pipeline(folder: Path) -> dict[str, list[Path]]:
    """Check that the folder is a complete Stable Diffusion 1, 2 or XL in safetensors.

    Returns:
        The files of weights of each part that has any.

    Raises:
        ValueError: it is not; the message names what is missing or damaged, and the way out.
    """
    if not (folder / "model_index.json").is_file():
        raise ValueError(
            f"{folder} is not a diffusers pipeline: it has no model_index.json; give the folder"
            " that holds unet/, vae/, text_encoder/ …, or the path of a checkpoint in it"
        )
    _check_kinds(folder)
    needed = _needed_parts(folder)
    parts_with_weights = [part for part, names in needed.items() if names is NETWORK]
    weights = {part: weight_files(folder / part, stem_of(part)) for part in parts_with_weights}
    _check_complete(folder, needed, weights)
    _check_links(folder, needed)
    for files in weights.values():
        check_weights_size(files)
        for path in files:
            _check_not_cut_short(path)
    _check_unet(folder)
    return weights


def stem_of(part: str) -> str:
    """What the names of the files of a part's weights begin with."""
    return "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"


def _check_kinds(folder: Path) -> None:
    """Raise ValueError if a part is of a class that does not fit, whose files differ, too."""
    for part in ("vae", FIRST.part, SECOND.part):
        path = folder / part / "config.json"
        if path.is_file():
            check_kind(part, read_config(path), path)


def _needed_parts(folder: Path) -> dict[str, tuple[str, ...]]:
    """The parts that a pipeline with the folder's UNet has, and their files besides weights."""
    config = {}
    if (folder / UNET_CONFIG).is_file():
        config = read_config(folder / UNET_CONFIG)
    if is_xl(config) and not (folder / FIRST.part).exists() and (folder / SECOND.part).exists():
        raise ValueError(
            f"{folder} is Stable Diffusion XL's refiner, which only finishes images; give the"
            " folder of the base model"
        )
    needed: dict[str, tuple[str, ...]] = {"unet": NETWORK, "vae": NETWORK}
    for encoder in encoders_of(config):
        needed |= {encoder.part: NETWORK, encoder.tokenizer: TOKENIZER}
    return needed | {"scheduler": SCHEDULER}


def _check_complete(
    folder: Path, needed: Mapping[str, tuple[str, ...]], weights: Mapping[str, list[Path]]
) -> None:
    files = [f"{part}/{name}" for part, names in needed.items() for name in names]
    missing = [name for name in files if not _is_there(folder / name)]
    lacking = [f"{part}/{stem_of(part)}.safetensors" for part in weights if not weights[part]]
    if not missing and not lacking:
        return

    pickled = [name for name in lacking if any((folder / name).parent.glob("*.bin"))]
    if pickled:
        raise ValueError(
            f"{folder} holds its weights as pickles (.bin), which dragkit does not open:"
            f" {', '.join(pickled)} missing. Convert it once: {CONVERT}"
        )
    parts = list(needed)
    everything = sorted(missing + lacking, key=lambda name: parts.index(name.split("/")[0]))
    raise ValueError(f"{folder} is not a complete pipeline; missing: {', '.join(everything)}")


def _is_there(path: Path) -> bool:
    in_one_file = path.name in TOKENIZER and path.with_name("tokenizer.json").is_file()
    return in_one_file or path.is_file()


def _check_links(folder: Path, parts: Iterable[str]) -> None:
    """Raise ValueError if a file is a link that leads out of the folder, or an adapter.

    Those of a Hugging Face cache lead from snapshots/… to the files in blobs/ beside it.
    """
    inside = [folder.resolve()]
    if inside[0].parent.name == "snapshots":
        inside.append(inside[0].parents[1] / "blobs")
    for part in parts:
        if (folder / part / ADAPTER).exists():
            raise ValueError(
                f"{folder / part} has an adapter ({ADAPTER}), which dragkit does not read; merge"
                " it into the weights, or move it away"
            )
        for path in (folder / part).iterdir():
            target = path.resolve()
            if not any(target.is_relative_to(place) for place in inside):
                raise ValueError(
                    f"{path} is a link to {target}, outside of {folder}; put the file itself there"
                )


def _check_unet(folder: Path) -> None:
    config = read_config(folder / UNET_CONFIG)
    kind = f"{config.get('_class_name')!s:.60}"
    other = [name for name in OTHER_INPUTS if config.get(name)]
    if config.get("in_channels") != CHANNELS:
        other.append("in_channels")
    if kind != "UNet2DConditionModel" or other:
        raise ValueError(
            f"{folder}: its UNet is a {kind} with other inputs than noise, time and text"
            f" ({', '.join(other) or 'its kind'}); dragkit opens Stable Diffusion 1, 2 and XL, but"
            " no later ones, and no inpainting models"
        )


def _check_not_cut_short(path: Path) -> None:
    """Raise ValueError if a file of weights is cut short; only its beginning is read."""
    from safetensors import SafetensorError, safe_open

    check_no_stand_in(path)
    try:
        read_header(path)
        with safe_open(path, "pt"):
            pass
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read: {error}; fetch this file of the pipeline again"
        ) from error
