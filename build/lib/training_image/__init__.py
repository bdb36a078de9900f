"""The training task: a dataset in, an immutable model version out.

What must not be here: decisions. Whether the new version is any good is judged later, on rows it has not
seen.
"""
