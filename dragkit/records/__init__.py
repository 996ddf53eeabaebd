"""The records that pass between the stages: frozen, typed, validated.

Points are ``(x, y)`` in image pixels, floats, with pixel centres at integers: the top left pixel
is (0, 0).
"""

from .edit import Edit as Edit
from .edit import Size as Size
from .frame import Frame as Frame
from .step import Step as Step
from .step import describe as describe
from .track import Goals as Goals
from .track import TrackResult as TrackResult
from .view import View as View
