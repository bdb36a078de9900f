"""The metrics of the local cloud: what CloudWatch would have of it, by minute."""
