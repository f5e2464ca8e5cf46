"""Fitting heads on features."""
