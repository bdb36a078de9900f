"""Contender keeps a production model good. Decisions are pure functions; AWS is at the edge.

What must not be here: anything that imports boto3, pandas or scikit-learn. Those live in `contender.adapters`
and in `training_image`.
"""

__version__ = "0.1.0"
