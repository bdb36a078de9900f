"""A prediction request and its response."""
