"""HTML pages and charts for people."""
