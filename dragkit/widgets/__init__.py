"""Widgets for notebooks.

Pick an edit, watch a run, or both at once; watch one as a page that the browser draws; compare
runs; look at the features; open the rows of a benchmark.
"""

from .compare import Compare as Compare
from .features import Features as Features
from .page_player import PagePlayer as PagePlayer
from .picker import Picker as Picker
from .player import Player as Player
from .results import Results as Results
from .studio import Studio as Studio
