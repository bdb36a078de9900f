"""Uploads become dataset versions; rows become the matrix that models take."""
