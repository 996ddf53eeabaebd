r"""The loss terms: motion supervision pulls the handles, the others hold what should stay.

A term is called as ``term(view, track, start, edit)`` and returns a scalar; `start` is the view of
step 0. Notation: F the features now, F₀ those of step 0, p the tracked point, p⁰ the handle, t its
target, d = (t - p) / ‖t - p‖, Ω the patch, M the mask (1 = may move), z the latent and z₀ that of
step 0, sg stop-gradient.
"""

from .cosine import CosineHoldLoss as CosineHoldLoss
from .cosine import CosineLoss as CosineLoss
from .hold import LatentPrior as LatentPrior
from .hold import MaskLoss as MaskLoss
from .patch import ShiftedPatchLoss as ShiftedPatchLoss
from .patch import TemplatePatchLoss as TemplatePatchLoss
