"""What is told of a trained model."""
