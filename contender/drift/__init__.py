"""Has the data changed? From a batch to a verdict."""
