"""How a sequence of comparisons shares one false-promotion rate."""
