"""The loop over history, before it is deployed."""
