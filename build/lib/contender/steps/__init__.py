"""The work of each Lambda function, on ports: gathers, lets the core decide, applies."""
