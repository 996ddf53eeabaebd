"""Widgets for notebooks: pick an edit, watch a run, or both at once; compare runs; look at the features."""

from .compare import Compare as Compare
from .features import Features as Features
from .picker import Picker as Picker
from .player import Player as Player
from .studio import Studio as Studio
