"""Measurements that print what they find: run them with ``python -m dragkit.bench.<name>``."""
