"""A/B experiments: planned before they start, judged day by day, and ended with a verdict."""
