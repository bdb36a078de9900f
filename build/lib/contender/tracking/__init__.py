"""What experiment trackers and DVC get to see of a run."""
