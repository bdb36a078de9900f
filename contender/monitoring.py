"""What a model and a batch of rows look like to the drift check."""
