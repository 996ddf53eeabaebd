"""The widgets' images as matplotlib figures, with axes and units, for reading and for print.

The figures are made without pyplot: they show themselves in a notebook, and can be saved with
``figure.savefig("step.png")``.
"""

from .features import features as features
from .features import images as images
from .features import scores as scores
from .inversion import inversion as inversion
from .learning import learning as learning
from .runs import ablation as ablation
from .runs import compare as compare
from .runs import confidence as confidence
from .runs import filmstrip as filmstrip
from .runs import losses as losses
from .runs import step as step
from .simple import curves as curves
from .simple import maps as maps
