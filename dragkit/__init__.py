"""See drag editing work: put a handle on an image, a target beside it, and watch each step."""

from . import methods as methods
from .gates import above as above
from .gates import always as always
from .gates import never as never
from .inversion import invert as invert
from .inversion import lora as lora
from .inversion import tune as tune
from .loop import drag as drag
from .losses import MaskLoss as MaskLoss
from .losses import ShiftedPatchLoss as ShiftedPatchLoss
from .losses import TemplatePatchLoss as TemplatePatchLoss
from .models import convert as convert
from .models import load as load
from .models import save as save
from .models.gan.inversion import Inversion as Inversion
from .records import Edit as Edit
from .records import Frame as Frame
from .records import Step as Step
from .records import TrackResult as TrackResult
from .records import View as View
from .runs.session import Session as Session
from .runs.trace import Trace as Trace
from .trackers import Discriminative as Discriminative
from .trackers import LineSearch as LineSearch
from .trackers import NearestNeighbor as NearestNeighbor
from .trackers import OpticalFlow as OpticalFlow

# need the notebook's packages
_LATER = dict.fromkeys(
    ("Compare", "Features", "Picker", "Player", "Results", "Studio"), "widgets"
) | {"plot": ""}


def __getattr__(name: str):
    """Import the widgets and plots when they are first used, so that `import dragkit` costs torch
    and little more.
    """
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module 'dragkit' has no attribute {name!r}")
    module = import_module(f".{_LATER[name] or name}", __name__)
    return getattr(module, name) if _LATER[name] else module


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
