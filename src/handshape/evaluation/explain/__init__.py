"""Pictures that explain a prediction."""
