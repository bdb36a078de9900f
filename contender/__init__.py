"""Contender keeps a model in production good: decisions are pure and live here, AWS is at the edge.

What must not be here: anything that imports boto3, pandas or scikit-learn. Those live in `contender.adapters`
and in `training_image`.
"""

__version__ = "0.1.0"
