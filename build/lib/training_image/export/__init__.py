"""Exports a trained pipeline to the files that are served."""
