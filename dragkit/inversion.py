"""Your own image, to be dragged: `invert` finds its latent, `tune` fits a copy of the generator.

.. code-block:: python

    found = dk.invert(model, "my_lion.jpg")  # Inversion(lion, 29.4 dB: search 200 iterations)
    found = dk.tune(found)  # reproduces it better; `model` itself is not changed
    dk.drag(found.model, found.latent, edit, **dk.methods.draggan())

A diffusion model is inverted in a single pass, and can learn an image by `lora` before it is
inverted.
"""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm

from . import arguments
from .arguments import function, named_arguments, shown, step_count
from .asking import check_takes
from .gradients import gradients
from .images import ImageLike, read_image
from .models.diffusion.lora import LORA_BATCH, LORA_LR, LORA_RANK, LORA_STEPS
from .models.gan.tuning import TUNING_LR, TUNING_STEPS
from .models.image_metrics import Loss
from .models.inversion import Inversion
from .models.protocols import Adaptable, Invertible, LoraLearner, Model, Named, Tunable
from .placement import Fit, OtherSize, near_sizes
from .preview import Callback, follow

# What a search reaches for an image like those learned; our choice, see `domain_warning`
FAMILIAR_PSNR = 24.0  # dB
FAMILIAR_VARIANCE = 0.9  # fraction of the image's variance that is explained


@named_arguments
@gradients()
def invert(
    model: Model,
    image: ImageLike,
    *,
    fit: Fit = "crop",
    steps: int | None = None,
    lr: float | None = None,
    loss: Loss | None = None,
    callback: Callback | None = None,
) -> Inversion:
    """Find the latent of an image: w+ by a search, or z by DDIM inversion.

    An interrupt (Ctrl-C, or the kernel's stop button) ends a search with the best so far; before
    the first iteration it is raised. An image unlike those the model has learned is a UserWarning
    (:func:`domain_warning`). ``dk.plot.inversion(found)`` draws the result.

    Args:
        model: such as ``dk.load("lion")``; it is not changed. Diffusion models take no settings.
        image: anything that :func:`dragkit.images.read_image` reads, of any size.
        fit: what is done if the image has not the model's size: "crop" keeps its middle, "pad"
            adds borders, "resize" stretches it, "native" refuses it.
        steps: iterations of a search, 200 if None: about 20 seconds at 128 px on two cores.
        lr: Adam's step size in units of w's standard deviation, 0.2 if None.
        loss: a function of two images (3 H W) to be minimised; None for
            :func:`dragkit.models.image_metrics.default_loss`.
        callback: called with the best so far after each iteration of a search, instead of the
            live preview in a notebook.

    Raises:
        ValueError: the model cannot invert images, or a setting does not fit it.
        TypeError, FileNotFoundError: the image cannot be read.
    """
    _check_functions(loss, callback)
    if steps is not None:
        steps = step_count(steps, 1)
    given = _given(steps=steps, lr=lr, loss=loss)
    iterations = iter_inversion(model, image, fit=fit, **given)
    count = {**_inverter(model).inversion_settings, **given}.get("steps")
    if count is None:  # a single pass
        (found,) = iterations
        return found

    best, finished = follow(iterations, "search", count, callback)
    if best is None:
        raise KeyboardInterrupt
    if finished and (warning := domain_warning(best)):
        warnings.warn(warning, stacklevel=4)  # of who called, not of what is around this
    return best


def iter_inversion(
    model: Model, image: ImageLike, *, fit: Fit = "crop", **settings: Any
) -> Iterator[Inversion]:
    """The iterations of :func:`invert`, for code that shows or stops them itself, as widgets do.

    A diffusion model has a single one. Errors are raised at once, before the first iteration.

    Raises:
        ValueError: as for :func:`invert`.
    """
    inverter = _inverter(model)
    for name in settings:
        if name not in inverter.inversion_settings:
            known = ", ".join(inverter.inversion_settings) or "none"
            raise ValueError(
                f"{name} is not a setting of {model.name}'s inversion, which has: {known}."
                " A diffusion model's strength and steps are chosen by dragkit.load"
            )
    target = _target(model, image, fit)
    return inverter.iter_inversion(target, **{**inverter.inversion_settings, **settings})


def domain_warning(found: Inversion) -> str:
    """A warning if the image is unlike those the model has learned; empty if it is not.

    It needs two numbers, because a flat image reaches many dB with a single colour: the PSNR, and
    the explained fraction of its variance, 1 - mean (x' - x)² / mean (x - x̄)², where x̄ is its
    mean colour. 24 renders that the lion model had never seen reached at least 26.3 dB and 0.96.
    Noise, text, chequers, a gradient, a portrait and a lion upside down stayed below 23 dB; grey
    and the toy's images stayed below 0.2. Meadow and sky without a lion pass, although they should
    not.
    """
    explained = _explained_variance(found.image, found.target)
    if found.psnr >= FAMILIAR_PSNR and explained >= FAMILIAR_VARIANCE:
        return ""
    return (
        f"{found.model.name} can probably not make this image: the inversion reached only"
        f" {found.psnr:.1f} dB and explains {100 * max(explained, 0):.0f} % of the image's"
        f" variance. For images like those the bundled lion learned from, both are at least"
        f" {FAMILIAR_PSNR:g} dB and {100 * FAMILIAR_VARIANCE:.0f} %. Drags may look odd."
    )


def _target(model: Model, image: ImageLike, fit: Fit) -> Tensor:
    """The image in the model's size; if the model can be loaded at another one, that is said."""
    try:
        return read_image(image, model.size, fit)
    except OtherSize as error:
        if getattr(model, "tell", None) is None:  # of Stable Diffusion alone
            raise
        near = near_sizes(error.source, getattr(model, "cell", 1))
        raise ValueError(f"{error}, or load {model.name} with {near}") from error


def _given(**settings: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in settings.items() if value is not None}


def _check_functions(loss: Any, callback: Any) -> None:
    if loss is not None:
        function("loss", loss, "a function of two images (3 H W) that returns one number")
        check_takes("the loss", loss, "image", "target")
    if callback is not None:
        function("callback", callback, "a function of the best so far, such as print")
        check_takes("the callback", callback, "found")


def _explained_variance(image: Tensor, target: Tensor) -> float:
    error = (image - target).square().mean()
    mean_colour = target.mean((1, 2), keepdim=True)
    variance = (target - mean_colour).square().mean()
    return 1 - (error / variance.clamp_min(1e-12)).item()


@named_arguments
@gradients()
def tune(
    found: Inversion,
    *,
    steps: int = TUNING_STEPS,
    lr: float = TUNING_LR,
    loss: Loss | None = None,
    callback: Callback | None = None,
) -> Inversion:
    """Fit a copy of the model to the image, around the latent that was found (pivotal tuning).

    An interrupt returns the best so far.

    Args:
        found: what :func:`invert` returned.
        steps: iterations; 100 take about 10 seconds at 128 px on two cores.
        lr: Adam's step size on the weights.
        loss, callback: as for :func:`invert`.

    Raises:
        ValueError: the model cannot be tuned, or a setting is out of range.
    """
    _check_functions(loss, callback)
    steps = step_count(steps, 1)
    if not isinstance(found, Inversion):
        raise ValueError(f"found is {shown(found)}; give what dragkit.invert returned")
    if not isinstance(found.model, Tunable):
        raise ValueError(
            f"{found.model.name} cannot be tuned; a diffusion model learns an image by"
            " dragkit.lora(model, image), before it is inverted"
        )
    iterations = found.model.iter_tuning(found, steps=steps, lr=lr, loss=loss)
    best, _ = follow(iterations, "tuning", steps, callback)
    return best or found


@named_arguments
@gradients()
def lora(
    model: Model,
    image: ImageLike,
    *,
    fit: Fit = "crop",
    rank: int = LORA_RANK,
    steps: int = LORA_STEPS,
    lr: float = LORA_LR,
    batch: int = LORA_BATCH,
    file: str | Path | None = None,
) -> Model:
    """A copy of a diffusion model that has learned one image by an identity LoRA.

    DragDiffusion does this before it inverts. An interrupt returns what was learned so far.

    Args:
        model: such as ``dk.load("lion-diffusion")``; it is not changed.
        image, fit: as for :func:`invert`.
        rank, steps, lr, batch: as in :mod:`dragkit.models.diffusion.lora`; 80 steps take about 25
            seconds at 64 px on two cores.
        file: where to save the LoRA (.safetensors). If the file exists and belongs to this model
            and image, learning continues from it.

    Raises:
        ValueError: the model cannot learn a LoRA, a setting is out of range, or `file`
            belongs to another model or image.
    """
    if not isinstance(model, Adaptable):
        raise ValueError(
            f"{_name(model)!r} cannot learn an image by a LoRA; give a diffusion model first, such"
            ' as dragkit.load("lion-diffusion")'
        )
    steps = step_count(steps, 1)
    path = _lora_file(file)
    target = _target(model, image, fit)

    learner = model.lora(target, rank, lr, batch)
    if path and path.is_file():
        learner.load(path)
    before = learner.steps
    _learn(learner, steps)
    if path and learner.steps > before:
        learner.save(path)
    return learner.model()


def _lora_file(file: str | Path | None) -> Path | None:
    if file is None:
        return None
    path = arguments.path("file", file)
    if path.is_dir() or path.suffix != ".safetensors":
        raise ValueError(
            f"file is {file}; give the name of a file that ends in .safetensors, such as"
            " runs/my_lora.safetensors"
        )
    return path


def _learn(learner: LoraLearner, steps: int) -> None:
    in_worker_process = multiprocessing.parent_process() is not None
    left = range(learner.steps, steps)
    with tqdm(left, "LoRA", unit="step", disable=in_worker_process) as bar:
        try:
            for _ in bar:
                bar.set_postfix_str(f"loss {learner.step():.4f}", refresh=False)
        except KeyboardInterrupt:
            bar.write(f"interrupted: the LoRA is kept as it is after {learner.steps} steps")


def _inverter(model: Any) -> Invertible:
    if isinstance(model, Invertible):
        return model
    raise ValueError(
        f"{_name(model)!r} cannot invert an image; give the model first, a StyleGAN2 or a"
        ' diffusion model, such as dragkit.load("lion")'
    )


def _name(model: Any) -> str:
    if isinstance(model, Named):
        return model.name
    return type(model).__name__
