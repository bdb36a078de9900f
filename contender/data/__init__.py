"""From uploads to dataset versions, and from rows to the matrix that models take."""
