"""Rows, split by time and weighted."""
