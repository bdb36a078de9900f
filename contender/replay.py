"""The loop over history: what a policy would have done."""
