"""Metrics, confidence intervals and statistical tests; knows no pipeline."""
