"""What can be known to go wrong with a drag before any work is done."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .arguments import finite, function, instance, positive, shown, step_count
from .asking import check_takes
from .contract import check_names, metadata_of
from .numeric import is_positive
from .pieces import Gate, LossTerm, Method, SizeChecking, Skipping, Tracker, Viewer, printed
from .pixels import to_uint8
from .records import Edit, Frame, Size, Step

# Mean difference of two images in grey levels. Devices and versions of torch differ by less than
# one; another network of the same shape by ten and more.
MOST_DIFFERENCE = 2.0
MOST_LR = 1000.0  # the toy's latents are pixels, and drag well with 1
TRACKER = {"start": ("view", "edit"), "find": ("view", "memory", "search_centre")}
LOSS = ("view", "track", "start", "edit")
PX = "a number of pixels, such as 1"


def check_model_and_edit(model: Any, edit: Any) -> None:
    """Raise TypeError or ValueError if one of the two is something else, or cannot be asked."""
    check_model(model)
    check_takes("the model's view", model.view, "latent")
    metadata_of(model)
    instance(
        "edit", edit, Edit, "what should move where, such as dragkit.Edit([(64, 80)], [(64, 60)])"
    )


def check_model(model: Any) -> None:
    """Raise TypeError if `model` is none."""
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}; pass an instance of it")
    is_array = isinstance(model, Tensor | np.ndarray)  # which have a view and a size, too
    if is_array or not isinstance(model, Viewer):
        raise TypeError(f'model is {shown(model)}; give a model, such as dragkit.load("lion")')


def check_precision(latent: Tensor) -> None:
    """Raise ValueError for a latent in half precision, where Adam divides 0 by 0."""
    if latent.dtype == torch.float16:
        raise ValueError(
            "the latent holds torch.float16, where the square of a small gradient is 0, and Adam"
            " divides by it; give latent.float(), and let the model's view take latent.half()"
        )


def checked_method(method: Method, edit: Edit, size: Size) -> Method:
    """`method` with numbers of Python and as it is now, if it can work on images of `size`.

    Raises:
        TypeError, ValueError: a piece cannot.
    """
    warn_of_fixed_handles(edit)
    check_pieces(method)
    check_sizes([method["tracker"], *method["losses"]], size)
    return Method(
        tracker=method["tracker"],
        losses=tuple(method["losses"]),
        lr=float(method["lr"]),
        steps=int(method["steps"]),
        arrive=float(method["arrive"]),
        trust=method["trust"],
    )


def check_pieces(method: Method) -> None:
    """Raise TypeError or ValueError if a piece of `method` cannot work, whatever the images."""
    check_numbers(method["lr"], method["arrive"])
    step_count(method["steps"])
    check_tracker(method["tracker"])
    check_losses(method["losses"], float(method["arrive"]))
    check_gate(method["trust"])


def check_numbers(lr: float, arrive: float) -> None:
    """Raise ValueError if the learning rate or the stop distance is not a number above 0."""
    if positive("lr", lr, 1e-3) > MOST_LR:
        raise ValueError(
            f"lr is {shown(lr)}; give at most {MOST_LR:g}: Adam's first step moves every number of"
            " the latent by lr"
        )
    if not is_positive(arrive):
        raise ValueError(
            f"arrive is {shown(arrive)}; give a stop distance in pixels above 0, such as arrive=1"
        )


def check_tracker(tracker: Tracker) -> None:
    """Raise an error unless `tracker` can be asked.

    Raises:
        ValueError: it is a class, or lacks one.
        TypeError: one does not take what it will be given.
    """
    if isinstance(tracker, type):
        raise ValueError(
            f"tracker is the class {tracker.__name__}; pass an instance, such as"
            f" {tracker.__name__}()"
        )
    for method, given in TRACKER.items():
        member = getattr(tracker, method, None)
        if not callable(member):
            raise ValueError(
                f"tracker is {shown(tracker)}; it needs start and find, such as NearestNeighbor()"
            )
        check_takes(f"the tracker's {method}", member, *given)


def check_losses(losses: Sequence[LossTerm], arrive: float) -> None:
    """Raise an error unless `losses` are named terms that pull until the stop distance.

    Raises:
        ValueError: they are something else, of one name, or have none that can be printed.
        TypeError: one does not take what it will be given.
    """
    if not (isinstance(losses, Sequence) and all(map(_is_term, losses))):
        raise ValueError(
            f"losses is {shown(losses)}; give a list of terms with a name, such as"
            " [ShiftedPatchLoss()]"
        )
    if not losses:
        raise ValueError(
            "losses is empty, so nothing would pull; give at least one, such as ShiftedPatchLoss()"
        )

    names = [loss.name for loss in losses]
    check_names("of the losses", dict.fromkeys(names))
    for loss in losses:
        check_takes(f"the loss {loss.name!r}", loss, *LOSS)
        if names.count(loss.name) > 1:
            raise ValueError(
                f"two losses are named {loss.name!r}, and a step records one value per name;"
                " rename one"
            )
        if isinstance(loss, Skipping) and finite(f"skip of {loss.name!r}", loss.skip, PX) > arrive:
            raise ValueError(
                f"the stop distance, {arrive:g} px, is below the skip distance of {loss}: handles"
                f" within {loss.skip:g} px are not pulled and would never arrive; use"
                f" arrive={loss.skip:g} or a smaller skip"
            )


def check_sizes(pieces: Sequence[Any], size: Size) -> None:
    """Let every piece that can tell say whether it works on images of `size`."""
    for piece in pieces:
        if isinstance(piece, SizeChecking):
            what = f"check of {printed(piece)}"
            function(what, piece.check, "a function of a size (height, width)")
            check_takes(what, piece.check, "size")
            try:
                piece.check(size)
            except ValueError as error:
                raise ValueError(f"{printed(piece)}: {error}") from error


def check_gate(trust: Gate | None) -> None:
    """Raise ValueError if the gate cannot be called, TypeError if not with one tensor."""
    if trust is not None and (not callable(trust) or isinstance(trust, type)):
        raise ValueError(
            f"trust is {shown(trust)}; give a gate, such as above(0.9), or None to trust every"
            " handle"
        )
    if trust is not None:
        check_takes(f"the gate {shown(trust)}", trust, "initial")


@torch.no_grad()
def check_paints(model: Viewer, step: Step, image: np.ndarray, device: torch.device | str) -> None:
    """Raise ValueError unless the model makes the image (h w 3) of a step from its latent."""
    painted = to_uint8(model.view(step.latent.to(device)).image)
    if painted.shape == image.shape:
        difference = np.abs(painted.astype(float) - image).mean()
        if difference <= MOST_DIFFERENCE:
            return
        found = f"another image ({difference:.0f} grey levels away on average)"
    else:
        found = f"an image of {painted.shape[:2]}, not of {image.shape[:2]}"
    maker = step.metadata.get("model", "another model")
    name = metadata_of(model).get("model", "this model")
    raise ValueError(
        f"the run was made by {maker}: from the latent of step {step.index} {name} makes {found}."
        " Load the model that made the run"
    )


def step_to_resume(
    resume: Step | Frame | None, model: Viewer, latent: Tensor, edit: Edit
) -> Step | None:
    """The step to continue from.

    Raises:
        ValueError: `resume` is not a step, or is one of another edit or model.
    """
    if resume is None:
        return None
    step = resume.step if isinstance(resume, Frame) else resume
    if not isinstance(step, Step):
        raise ValueError(
            f"resume is {shown(resume)}; give one step of a run, such as resume=trace[10]"
        )

    then, now = step.edit.handles.cpu(), edit.handles.cpu()
    if then.shape != now.shape or not torch.equal(then, now):
        raise ValueError(
            f"resume is a step of a run with {len(then)} handles at {then.tolist()}, this edit has"
            f" {len(now)} at {now.tolist()}; targets and mask may change on the way, handles may"
            " not: start again, without resume"
        )
    if step.latent.shape != latent.shape:
        raise ValueError(
            "resume is a step of another model: its latent has shape"
            f" {tuple(step.latent.shape)}, this one {tuple(latent.shape)}"
        )
    known = metadata_of(model)
    then_print, now_print = step.metadata.get("fingerprint"), known.get("fingerprint")
    if then_print is None or now_print is None:
        if isinstance(resume, Frame) and step.view is None:  # it may be from anywhere
            check_paints(model, step, resume.image, latent.device)
    elif then_print != now_print:
        raise ValueError(
            f"resume is a step of {step.metadata.get('model', 'another model')}, this model is"
            f" {known.get('model', 'another one')}: the shapes agree, the weights do not. Load the"
            " model that made the step, in the same dtype"
        )
    return step


def warn_of_fixed_handles(edit: Edit) -> None:
    """Warn of handles that the mask keeps where they are."""
    for i in edit.fixed_handles.nonzero()[:, 0].tolist():
        x, y = edit.handles[i].tolist()
        warnings.warn(
            f"handle {i} at ({x:g}, {y:g}) is where the mask lets nothing move, so the losses pull"
            " it and fix it at the same time; free it in the mask, or remove it",
            stacklevel=5,  # the cell that called drag
        )


def _is_term(loss: Any) -> bool:
    named = isinstance(getattr(loss, "name", None), str)
    return callable(loss) and named and not isinstance(loss, type)
