"""Real data for the demo, the tests and the benchmarks, read from PyPI packages that carry it.

What must not be here: anything that the loop needs in production.
"""
