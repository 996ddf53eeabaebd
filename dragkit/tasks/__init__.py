"""Data whose truth is known: what lessons, checks and benchmarks measure against."""
