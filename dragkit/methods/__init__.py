r"""The published methods, each a dict of pieces for `drag`: rows of one table of knobs.

``drag(model, latent, edit, **draggan())``. To change a method, change its dict:
``draggan() | {"lr": 5e-3}``. Where a paper and its authors' code differ, or an image is smaller
than theirs, `profile` chooses; the docstring of each module has a table of the differences. What
the methods themselves differ in is :func:`table`:

=============================  ================================================================
knob                           where it is set
=============================  ================================================================
which place is the handle's    the tracker (:mod:`dragkit.trackers`)
which places it may take       its `candidates` (:mod:`dragkit.trackers.candidates`)
between the pixels             its `subpixel`
updates for each tracking      :class:`dragkit.TrackEvery` around it
what is pulled, how far        the first loss, its `reach`, its `first_patch`
what is held                   the other losses (:mod:`dragkit.losses`)
whom to trust                  the gate (:mod:`dragkit.gates`)
how long, how fast             `lr`, `steps`, `arrive`
what is optimised              the leaf: a model and its latent (:mod:`dragkit.leaves`)
at which noise levels          :func:`dragkit.leaves.drag_levels`
=============================  ================================================================
"""

from .code import as_code as as_code
from .code import presets as presets
from .code import same_method as same_method
from .diffusion import clipdrag as clipdrag
from .diffusion import dragdiffusion as dragdiffusion
from .diffusion import easydrag as easydrag
from .diffusion import gooddrag as gooddrag
from .free import freedrag as freedrag
from .gan import draggan as draggan
from .knobs import table as table
from .other_leaves import draglora as draglora
from .other_leaves import dragnoise as dragnoise
from .run_code import run_as_code as run_as_code
from .stable import anchored as anchored
from .stable import stabledrag as stabledrag
