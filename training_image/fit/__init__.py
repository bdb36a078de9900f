"""From rows to a trained model."""
