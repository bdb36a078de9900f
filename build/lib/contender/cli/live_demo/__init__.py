"""`contender demo --live`: production drifts, a window says so, and the loop trains on what production learned."""
