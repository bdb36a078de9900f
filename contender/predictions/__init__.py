"""Predictions after they were made: ids, log, labels, live metrics, batch jobs."""
