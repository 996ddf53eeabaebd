"""Widgets for notebooks: pick an edit, watch a run, or both at once."""

from .picker import Picker as Picker
from .player import Player as Player
from .studio import Studio as Studio
