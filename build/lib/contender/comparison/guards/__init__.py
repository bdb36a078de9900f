"""Guards: what can stop a challenger that is better overall, one module for each."""
