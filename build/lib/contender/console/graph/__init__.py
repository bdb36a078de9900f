"""A state machine drawn as Step Functions draws it: its definition as a graph, and the graph as a picture."""
