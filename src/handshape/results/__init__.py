"""What the Python functions return: figures that show themselves in a notebook."""
