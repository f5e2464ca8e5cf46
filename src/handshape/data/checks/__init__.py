"""What is wrong with a data set: one file per family of checks."""
