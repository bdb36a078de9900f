"""The dashboard of a pipeline: its widgets, the function behind two of them, and saved queries of the logs."""
