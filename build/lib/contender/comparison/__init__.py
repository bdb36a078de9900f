"""Compares challenger and champion: the verdict, its guards and its error budget."""
