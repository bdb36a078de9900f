"""The drill's incidents: what each breaks, and what must be seen of it."""
