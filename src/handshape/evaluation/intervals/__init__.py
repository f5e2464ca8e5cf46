"""Confidence intervals of accuracies and of their differences."""
