"""What the states of the loop tell each other, and how a run begins and ends."""
