"""The console's pages: each a function from what was gathered to HTML."""
