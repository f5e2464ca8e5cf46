"""The cache between runs, keyed by content: features, image measurements, and prepared pixels."""
