"""The studies behind the published tables, one module each: ``python -m dragkit.bench NAME``."""
