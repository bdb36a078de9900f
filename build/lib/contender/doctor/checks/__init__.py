"""The checks: each tells findings from facts."""
