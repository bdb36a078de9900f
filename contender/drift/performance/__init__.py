"""What metrics probably are on rows without labels."""
