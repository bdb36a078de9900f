"""Model versions, their signatures, and the champion pointer."""
