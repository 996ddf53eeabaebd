"""A saved run knows its model: it is neither continued nor looked at again on another one."""

from __future__ import annotations

from ..models.protocols import Model, Restorable
from ..pieces import SelfDescribing
from ..validation import check_paints
from .trace import Trace


def model_of_run(model: Model, trace: Trace) -> Model:
    """`model` as it was when it made `trace`, which has at least one step.

    A run remembers the fingerprint of its model's weights. Where there is none, as in runs saved
    before and with models of your own, the first step's image is made again and compared.

    Raises:
        ValueError: another model made the run, or this one had other settings then.
    """
    _check_shapes(model, trace)
    if isinstance(model, Restorable):  # its latents depend on settings that the run remembers
        model = model.restore(trace[0].latent, trace.metadata)

    known = model.metadata if isinstance(model, SelfDescribing) else {}
    then, now = trace.metadata.get("fingerprint"), known.get("fingerprint")
    if then is None or now is None:
        check_paints(model, trace[0].step, trace[0].image, model.device)
    elif then != now:
        name = trace.metadata.get("model", "another model")
        raise ValueError(
            f"the run was made by {name} (fingerprint {then}), and this is {model.name}"
            f" ({now}): the shapes agree, the weights do not. Load the model that made the run,"
            " in the same dtype"
        )
    return model


def _check_shapes(model: Model, trace: Trace) -> None:
    size, shape = tuple(model.size), tuple(model.sample(0).shape)
    saved_size, saved_shape = trace[0].image.shape[:2], tuple(trace[0].latent.shape)
    if saved_size != size or saved_shape != shape:
        raise ValueError(
            f"the run was made by another model: its images are {saved_size} and its latents"
            f" {saved_shape}, those of {model.name} are {size} and {shape}. Load the model that"
            " made the run"
        )
