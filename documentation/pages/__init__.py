"""Pages of the site that are generated, each a function from code or data to Markdown."""
