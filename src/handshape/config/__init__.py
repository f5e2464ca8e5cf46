"""What can be asked of each command: frozen settings whose defaults are written once, here, without torch."""
