"""Changes that leave every single feature alone: a domain classifier."""
