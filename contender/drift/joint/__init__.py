"""Changes between features that leave each feature alone."""
