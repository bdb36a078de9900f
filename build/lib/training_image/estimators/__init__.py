"""The estimators that a pipeline file can name."""
