"""Backups of pipelines: what goes into one, written and restored piece by piece, and verified by digest."""
