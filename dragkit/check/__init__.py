"""Answers to the course's exercises are checked here: ``check.sample(sample)`` draws the target beside yours and names the mistake.

Each is a question that says what it asks: ``check.sample?``
"""

from .points import sample as sample
from .nearest import distances as distances
from .nearest import nearest as nearest
from .project import tracker as tracker
