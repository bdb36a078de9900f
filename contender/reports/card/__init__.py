"""The model card of one version."""
