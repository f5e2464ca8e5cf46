"""Decoding photos, preparing them, and keeping what was prepared."""
