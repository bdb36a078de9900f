"""Rows, divided by time and weighted."""
