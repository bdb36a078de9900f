"""What the drill breaks, and how."""
