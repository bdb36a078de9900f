"""The documentation site: built strictly from docs/, its reference pages generated from the code.

Never deployed. MkDocs runs in a side environment of its own, pinned in `tools/`.
"""
