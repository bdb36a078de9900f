"""Inspects the columns of a data file and proposes a pipeline file, as a data scientist would."""
