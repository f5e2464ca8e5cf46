"""Running networks outside training."""
