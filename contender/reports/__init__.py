"""HTML reports, model cards and charts."""
