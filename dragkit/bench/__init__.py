"""Benchmarks: metrics, a runner that can be resumed, tables, and the studies that use them.

``python -m dragkit.bench --help`` lists the studies; dragkit/bench/README.md says what they found.
"""

from ..tasks.benchmarks import read as read
