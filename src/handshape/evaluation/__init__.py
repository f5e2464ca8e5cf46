"""How good a recogniser is: figures with intervals, plots, and the report."""
