"""A prediction request and its answer."""
