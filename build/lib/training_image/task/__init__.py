"""The task around the training: progress, checkpoints, supervision."""
