"""Reads cells of one column as numbers, categories or times; pure functions of Arrow arrays."""
