"""Widgets for notebooks.

Pick an edit, watch a run, or both at once; compare runs; look at the features; open the rows of
a benchmark.
"""

from .compare import Compare as Compare
from .features import Features as Features
from .picker import Picker as Picker
from .player import Player as Player
from .results import Results as Results
from .studio import Studio as Studio
