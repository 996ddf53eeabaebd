"""The widgets' images as Matplotlib figures, with axes and units, for reading and for print.

The figures are made without pyplot: they show themselves in a notebook, and can be saved with
``figure.savefig("step.png")``.
"""

from .ablation import ablation as ablation
from .features import features as features
from .features import images as images
from .field import field as field
from .frames import filmstrip as filmstrip
from .frames import step as step
from .inversion import inversion as inversion
from .learning import learning as learning
from .score_windows import scores as scores
from .simple import curves as curves
from .simple import maps as maps
from .step_maps import latent as latent
from .step_maps import pull as pull
from .step_maps import whole_scores as whole_scores
from .timelines import compare as compare
from .timelines import confidence as confidence
from .timelines import losses as losses
