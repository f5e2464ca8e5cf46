"""Checks of a data set: one file per family of checks."""
