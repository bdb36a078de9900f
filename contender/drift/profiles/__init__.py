"""Columns counted on fixed grids: small, exact to a stated bound, mergeable."""
