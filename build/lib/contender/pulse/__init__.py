"""The pulse of a pipeline: gauges of what a metric alarm cannot derive from events by itself."""
