"""Multivariate drift: changes in how features depend on each other."""
