"""Metrics, their uncertainty, and statistical tests that know no pipeline."""
