"""Finding a hand, its landmarks, and classifying its pose."""
