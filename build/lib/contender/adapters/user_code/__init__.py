"""A user's own code, by import path."""
