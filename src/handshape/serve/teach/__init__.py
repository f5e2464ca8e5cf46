"""Teach: signs of the visitor's own, on the live page."""
