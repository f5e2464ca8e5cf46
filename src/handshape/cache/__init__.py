"""What is kept between runs, keyed by content: features, facts about images, and prepared pixels."""
