"""Streams of batches, models trained on them, and retraining policies run over them."""
