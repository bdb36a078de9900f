"""Fits a model: decides on validation rows, then trains on all."""
