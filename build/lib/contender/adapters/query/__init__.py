"""SQL over files of the data bucket with DuckDB, on this machine."""
