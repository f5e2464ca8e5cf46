"""Images that explain a prediction."""
