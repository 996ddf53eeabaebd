"""Your own image, to be dragged: `invert` finds its latent, `tune` fits a copy of the generator
around it.

    found = dk.invert(model, "my_lion.jpg")          # Inversion(lion, 29.4 dB: search 200
    iterations) found = dk.tune(found)                           # paints it better; `model` stays
    as it is dk.drag(found.model, found.latent, edit, **dk.methods.draggan())

A diffusion model is inverted in one pass, and learns an image by `lora`, before it is inverted.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tqdm.auto import tqdm

from .compose import draw_overlay, encode, hstack
from .images import ImageLike, read_image
from .models.diffusion.inversion import inverted
from .models.diffusion.lora import BATCH, RANK, Lora
from .models.diffusion.lora import LR as LORA_LR
from .models.diffusion.lora import STEPS as LORA_STEPS
from .models.diffusion.model import Diffusion
from .models.gan.inversion import (
    LR,
    STEPS,
    TUNING_LR,
    TUNING_STEPS,
    Inversion,
    Loss,
    check_model,
    search,
    tuning,
)
from .models.gan.model import StyleGAN2
from .pixels import to_uint8

PREVIEW_SECONDS = 0.5  # between two images of a live preview
# PSNR (dB) and share of what varies in it, which a search reaches for an image like those learnt;
# our choice, see `domain_warning`
FAMILIAR = 24.0, 0.9

Watch = Callable[[Inversion], Any]


def invert(
    model: StyleGAN2 | Diffusion,
    image: ImageLike,
    *,
    fit: Literal["crop", "pad"] = "crop",
    steps: int | None = None,
    lr: float | None = None,
    loss: Loss | None = None,
    callback: Watch | None = None,
) -> Inversion:
    """Find the latent of an image: w+ by a search, whose interrupt (Ctrl-C, or the kernel's stop
    button) returns the best so far; z by DDIM inversion.

    Args:
        model: such as ``dk.load("lion")``, or ``dk.load("lion-diffusion")``, whose inversion takes
            seconds and has no settings but the model's own `strength`; it is not changed.
        image: a path, a Pillow image, an array or a tensor, of any size; see
            :func:`dragkit.images.read_image`.
        fit: what becomes of an image that is not square: "crop" keeps its middle, "pad" all of
            it, with borders.
        steps: iterations of a search, 200 if None; they take some 20 seconds at 128 px on two
            cores, and are what the limits of the warning were measured with.
        lr: Adam's step size in units of w's spread, 0.2 if None
            (:func:`dragkit.models.gan.inversion.search`).
        loss: a function of two images (3 H W) that is to be small. None for the pixels at all
            scales, and LPIPS beside them where the package and its weights are on this disk
            (:mod:`dragkit.models.image_metrics`).
        watch: called with the best so far after each iteration, in place of the live preview that
            a notebook gets.

    Returns:
        What was found: ``.latent``, ``.model``, ``.psnr``, ``.image``;
            ``dk.plot.inversion(found)`` draws it.

    Warns:
        UserWarning: the image is not like those that the model has learnt: see :func:`domain_warning`.

    Raises:
        ValueError, TypeError, FileNotFoundError: there is nothing to search in, a setting does not
            fit the model, or the image cannot be read.
        KeyboardInterrupt: interrupted before the first iteration.
    """
    if isinstance(model, Diffusion):
        if given := [
            name
            for name, value in (("steps", steps), ("lr", lr), ("loss", loss), ("watch", callback))
            if value is not None
        ]:
            raise ValueError(
                f"{given[0]} belongs to a search, and DDIM inversion has none; the model's"
                " strength and steps are chosen by dragkit.load"
            )
        return inverted(model, read_image(image, model.size[0], fit))
    steps, lr = STEPS if steps is None else steps, LR if lr is None else lr
    found, whole = _run(
        iter_inversion(model, image, fit=fit, steps=steps, lr=lr, loss=loss),
        "search",
        steps,
        callback,
    )
    if found is None:
        raise KeyboardInterrupt
    if whole and (text := domain_warning(found)):
        warnings.warn(text, stacklevel=2)
    return found


def iter_inversion(
    model: StyleGAN2 | Diffusion,
    image: ImageLike,
    *,
    fit: Literal["crop", "pad"] = "crop",
    **settings: Any,
) -> Iterator[Inversion]:
    """The iterations of :func:`invert`, for whoever shows and stops them: what a widget does; of a
    diffusion model there is one, the whole.

    What does not fit the model is told at once.
    """
    if isinstance(model, Diffusion):
        return map(partial(inverted, model), [read_image(image, model.size[0], fit)])
    check_model(model)
    return search(model, read_image(image, model.size[0], fit), **settings)


def domain_warning(found: Inversion) -> str:
    """What to tell of an image that is not like those the model has learnt; empty where it is.

    Two numbers, because a flat image is met to many dB by one colour: the PSNR, and the share 1
    - mean (x' - x)² / mean (x - x̄)² of what varies in it (x̄: its mean colour). 24 renders that
    the lion had never seen reached 26.3 dB and 0.96 or more; noise, text, chequers, a gradient, a
    portrait, a lion upside down stayed below 23 dB, grey and the toy's images below 0.2. Meadow
    and sky without a lion pass.
    """
    least, error = FAMILIAR, (found.image - found.target).square().mean()
    share = (
        1
        - (
            error
            / (found.target - found.target.mean((1, 2), keepdim=True))
            .square()
            .mean()
            .clamp_min(1e-12)
        ).item()
    )
    if found.psnr >= least[0] and share >= least[1]:
        return ""
    return (
        f"Probably not an image that {found.model.name} could paint: found with {found.psnr:.1f}"
        f" dB and {100 * max(share, 0):.0f} % of its variance (unseen lions: {least[0]:g} dB and"
        f" {100 * least[1]:.0f} % or more). It may move oddly."
    )


def lora(
    model: Diffusion,
    image: ImageLike,
    *,
    fit: Literal["crop", "pad"] = "crop",
    rank: int = RANK,
    steps: int = LORA_STEPS,
    lr: float = LORA_LR,
    batch: int = BATCH,
    file: str | Path | None = None,
) -> Diffusion:
    """A copy of a diffusion model that has learnt one image by an identity LoRA; an interrupt
    returns what is learnt so far.

    DragDiffusion does this first, then inverts: ``model = dk.lora(model, image); found =
    dk.invert(model, image)``.

    Args:
        model: such as ``dk.load("lion-diffusion")``; it is not changed.
        image, fit: as for :func:`invert`.
        rank, steps, lr, batch: as in :mod:`dragkit.models.diffusion.lora`; 80 steps take some 25 seconds at
            64 px on two cores.
        file: where to keep it (.safetensors). If it is there already and belongs to this model and
            image, it goes on from there: nothing is learnt that has been.

    Raises:
        ValueError: the model is no diffusion model, a setting out of range, or `file` belongs to
            another model or image.
    """
    if not isinstance(model, Diffusion):
        raise ValueError(
            f"{getattr(model, 'name', type(model).__name__)!r} has no attention to correct; give a"
            ' diffusion model, such as dragkit.load("lion-diffusion")'
        )
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps is {steps!r}; take a whole number from 1 up")
    target, file = read_image(image, model.size[0], fit), None if file is None else Path(file)
    if file and (file.is_dir() or file.suffix != ".safetensors"):
        raise ValueError(
            f"file is {file}; give the name of a file that ends in .safetensors, such as"
            " runs/my_lora.safetensors"
        )
    learner = (
        Lora.load(file, model, target, rank, lr, batch)
        if file and file.is_file()
        else Lora(model, target, rank, lr, batch)
    )
    before = learner.steps
    with tqdm(range(before, steps), "LoRA", unit="step") as bar:
        try:
            for _ in bar:
                bar.set_postfix_str(f"loss {learner.step():.4f}", refresh=False)
        except KeyboardInterrupt:
            bar.write(f"interrupted: the LoRA is kept as it is after {learner.steps} steps")
    if file and learner.steps > before:
        learner.save(file)
    return learner.model()


def tune(
    found: Inversion,
    *,
    steps: int = TUNING_STEPS,
    lr: float = TUNING_LR,
    loss: Loss | None = None,
    callback: Watch | None = None,
) -> Inversion:
    """Fit a copy of the model to the image, around the latent that was found; an interrupt
    returns the best so far.

    Args:
        found: what :func:`invert` returned.
        steps: iterations; 100 take some 10 seconds at 128 px on two cores.
        lr: Adam's step size on the weights.
        loss: as for :func:`invert`.
        watch: as for :func:`invert`.
    """
    return (
        _run(tuning(found, steps=steps, lr=lr, loss=loss), "tuning", steps, callback)[0] or found
    )


def _run(
    iterations: Iterator[Inversion], stage: str, steps: int, callback: Watch | None
) -> tuple[Inversion | None, bool]:
    """The best of `iterations`, shown while they run, and whether they came to their end."""
    found, show = None, callback or (_Preview() if _in_notebook() else lambda _: None)
    with tqdm(iterations, stage, steps, unit="iteration") as bar:
        try:
            for found in bar:
                bar.set_postfix_str(f"{found.psnr:.1f} dB", refresh=False)
                show(found)
        except KeyboardInterrupt:
            if found:
                bar.write(
                    f"interrupted after {len(found.losses[stage])} iterations: the best is kept,"
                    f" with {found.psnr:.1f} dB"
                )
            return found, False
        finally:
            if found and isinstance(show, _Preview):
                show.now(found)
    return found, True


class _Preview:
    """The target and, beside it, the best so far, under the cell that runs."""

    def __init__(self) -> None:
        self.handle, self.last = None, -math.inf

    def __call__(self, found: Inversion) -> None:
        if time.monotonic() - self.last > PREVIEW_SECONDS:
            self.now(found)

    def now(self, found: Inversion) -> None:
        """Show it, whenever the last one was."""
        from IPython.display import Image, display

        image = Image(
            encode(
                hstack(*(draw_overlay(to_uint8(p), size=256) for p in (found.target, found.image)))
            ),
            format="jpeg",
        )
        if self.handle:
            self.handle.update(image)
        else:
            self.handle = display(image, display_id=True)
        self.last = time.monotonic()


def _in_notebook() -> bool:
    """Whether a kernel runs this, and so somebody may be looking."""
    return "IPython" in sys.modules and hasattr(sys.modules["IPython"].get_ipython(), "kernel")
