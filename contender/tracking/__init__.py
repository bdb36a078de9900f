"""Runs mirrored to experiment trackers; DVC files."""
