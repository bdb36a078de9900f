"""What the champion's metrics probably are on rows without labels."""
