"""Training: one loop for networks, one solver for linear heads, one history for both."""
