"""Rows that a person deleted: out of every dataset version, and out of later uploads."""
