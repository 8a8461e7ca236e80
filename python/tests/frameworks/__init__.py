"""The agent frameworks, each in its own environment."""
