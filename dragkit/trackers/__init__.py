"""Point trackers, one method per file.

A tracker has ``start(view, edit) -> memory`` and
``find(view, memory, search_centre) -> TrackResult``: the memory says *what* to search for,
`search_centre` (n 2) *where*.
"""

from .candidates import Candidates as Candidates
from .candidates import Cone as Cone
from .candidates import Nearer as Nearer
from .discriminative import Discriminative as Discriminative
from .estimators import Raft as Raft
from .estimators import dis as dis
from .every import TrackEvery as TrackEvery
from .flow import OpticalFlow as OpticalFlow
from .follow import follow as follow
from .hops import Hops as Hops
from .line_search import LineSearch as LineSearch
from .nearest import NearestNeighbor as NearestNeighbor
from .particles import Particles as Particles
