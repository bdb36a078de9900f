"""CSV and Parquet files, read and written."""
