"""Runs as things to keep, look at and continue: traces, files, sessions."""

from .drawing import draw_frame as draw_frame
from .html import to_html as to_html
from .retrack import retrack as retrack
from .session import Session as Session
from .trace import Trace as Trace
