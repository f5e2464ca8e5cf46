"""Reading folders, tables and remote addresses into a data set."""
