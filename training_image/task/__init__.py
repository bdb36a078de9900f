"""The training task around the training: progress, checkpoints, supervision."""
