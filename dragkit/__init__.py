"""See drag editing work: put a handle on an image, a target beside it, and watch each step."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import interventions as interventions
from . import leaves as leaves
from . import maps as maps
from . import masks as masks
from . import methods as methods
from .carrying import carry as carry
from .gates import above as above
from .gates import always as always
from .gates import never as never
from .inversion import invert as invert
from .inversion import lora as lora
from .inversion import tune as tune
from .loop import drag as drag
from .losses import LatentPrior as LatentPrior
from .losses import MaskLoss as MaskLoss
from .losses import ShiftedPatchLoss as ShiftedPatchLoss
from .losses import TemplatePatchLoss as TemplatePatchLoss
from .models import convert as convert
from .models import latent as latent
from .models import load as load
from .models import save as save
from .models.inversion import Inversion as Inversion
from .records import Edit as Edit
from .records import Frame as Frame
from .records import Step as Step
from .records import TrackResult as TrackResult
from .records import View as View
from .runs import Session as Session
from .runs import Trace as Trace
from .runs import to_html as to_html
from .trackers import Cone as Cone
from .trackers import Discriminative as Discriminative
from .trackers import LineSearch as LineSearch
from .trackers import Nearer as Nearer
from .trackers import NearestNeighbor as NearestNeighbor
from .trackers import OpticalFlow as OpticalFlow
from .trackers import TrackEvery as TrackEvery
from .warping import warp as warp
from .warping import warp_field as warp_field

if TYPE_CHECKING:  # imported when they are first used; editors see them here
    from . import plot as plot
    from .widgets import Compare as Compare
    from .widgets import Features as Features
    from .widgets import PagePlayer as PagePlayer
    from .widgets import Picker as Picker
    from .widgets import Player as Player
    from .widgets import Results as Results
    from .widgets import Studio as Studio

WIDGETS = ("Compare", "Features", "PagePlayer", "Picker", "Player", "Results", "Studio")


def __getattr__(name: str) -> Any:
    """Import the widgets and plots when they are first used.

    They need the notebook's packages, and so `import dragkit` costs torch and little more.
    """
    if name == "plot":
        return import_module(".plot", __name__)
    if name in WIDGETS:
        return getattr(import_module(".widgets", __name__), name)
    raise AttributeError(f"module 'dragkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *WIDGETS, "plot"])
