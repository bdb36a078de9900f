"""What a model is made of: which data, which settings, whether again, at what cost."""
