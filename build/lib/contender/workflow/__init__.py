"""Messages between states; how a run begins and ends."""
