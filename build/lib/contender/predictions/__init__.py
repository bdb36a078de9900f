"""Stored predictions: ids, log, labels, live metrics, batch jobs."""
