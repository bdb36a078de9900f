"""Drift detection: from a batch to a verdict."""
