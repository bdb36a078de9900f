"""What can be wrong with a pipeline, told from what was gathered, and what is safe to mend."""
