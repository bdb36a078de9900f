"""Every parser of what people send, with bytes that nobody has thought of: `make fuzz`; a short form in the gate."""
