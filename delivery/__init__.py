"""What the workflows run between a commit and production: deploy, smoke test, roll back, train, compare, release.

Never deployed itself. Each command is a target of the Makefile: a laptop does what GitHub does (docs/delivery.md).
"""
