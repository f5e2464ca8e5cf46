"""Recognisers of taught signs: added to another recogniser, or trained alone."""
