"""Estimates of metrics on rows without labels."""
