r"""The loop that every method shares: features, point tracking, motion supervision, update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from . import validation
from .arguments import named_arguments
from .gradients import gradients
from .latents import checked_latent, checked_rows, warn_of_unseen_rows
from .pieces import Gate, LossTerm, Method, Tracker, Viewer
from .progress import Progress
from .records import Edit, Frame, Step
from .threads import at_most


@named_arguments
def drag(
    model: Viewer,
    latent: Tensor,
    edit: Edit,
    *,
    tracker: Tracker,
    losses: Sequence[LossTerm],
    lr: float,
    steps: int = 200,
    arrive: float = 1.0,
    trust: Gate | None = None,
    frozen: Sequence[int] = (),
    resume: Step | Frame | None = None,
) -> Iterator[Step]:
    r"""Move the content at the handles to the targets: a generator of one `Step` per iteration.

    Each iteration reads the features of the latent w, tracks the points, sums up the losses L,
    yields, and updates w ← w - Adam(∇_w L), until every handle has arrived or after `steps`
    updates. What is passed in stays as it is; the same call yields the same points.

    Args:
        model, edit: what makes the images (:class:`Viewer`), and what should move where.
        latent: the start, also with `resume`: templates and the mask term refer to it.
        tracker, losses, lr: the pieces of a method and Adam's step size: :mod:`dragkit.methods`.
        steps: the largest number of updates, counted from the start.
        arrive: stop distance in pixels; `edit.arrive` takes precedence.
        trust: the gate, such as ``above(0.9)``; None trusts every handle.
        frozen: numbers of rows of the latent that stay exactly as they are, such as (0, 3) of w+.
        resume: a step of an earlier run to continue from, see
            :meth:`dragkit.progress.Progress.resume`.

    Raises:
        TypeError: the model, the latent or the edit is something else, or a piece returns
            something else later.
        ValueError: at once, if an argument cannot work (:mod:`dragkit.validation`); later, if a
            piece breaks its contract (:mod:`dragkit.answers`), or no loss depends on the latent.
        FloatingPointError: a loss or a point is not finite; the steps before it were yielded.
    """
    validation.check_model_and_edit(model, edit)
    latent = checked_latent(model, latent)
    warn_of_unseen_rows(model, latent)
    validation.check_precision(latent)
    edit = edit.fit(model.size).to(latent.device)
    arrive = edit.arrive or arrive
    given = Method(tracker=tracker, losses=losses, lr=lr, steps=steps, arrive=arrive, trust=trust)
    method = validation.checked_method(given, edit, model.size)
    rows = checked_rows("frozen", frozen, model, latent)
    step = validation.step_to_resume(resume, model, latent, edit)
    return _iterate(model, latent, edit, method, rows, step)


def _iterate(
    model: Viewer,
    latent: Tensor,
    edit: Edit,
    method: Method,
    frozen: list[int],
    resume: Step | None,
) -> Iterator[Step]:
    with gradients():
        run = Progress.begin(model, latent, edit, method, frozen)
        if resume is not None:
            run.resume(resume)

    while True:
        with gradients(), at_most(run.threads):
            # features
            view = run.look(model)

            # point tracking
            track = run.tracking.find(view, run.index)

            # motion supervision
            losses = run.supervise(view, track)

            arrived = track.arrived(edit.targets, method["arrive"])
            step = run.record(view, track, losses, arrived)
        yield step
        if arrived.all() or run.index >= method["steps"]:
            return

        # update
        with gradients(), at_most(run.threads):
            run.update(losses, track)
        del view, losses, step  # a large model's activations need not wait for the next step's
