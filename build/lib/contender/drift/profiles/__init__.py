"""Columns counted on fixed grids: small, mergeable, exact to a stated bound."""
