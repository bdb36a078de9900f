"""What each of the pipeline's functions does, on ports: it gathers, lets the core decide, and applies."""
