"""Evidence about a trained model: explanation, overfitting, curves."""
