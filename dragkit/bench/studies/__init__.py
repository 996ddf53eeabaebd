"""The studies behind the published tables, one module each."""
