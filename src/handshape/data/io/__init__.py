"""List the images of folders, tables and remote addresses."""
