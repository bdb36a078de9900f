"""The data contract: which files and rows are accepted, and why others are rejected.

It is checked before drift, so that a malformed file cannot pass for a changed world.
"""
