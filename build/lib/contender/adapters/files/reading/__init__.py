"""Reads a file as people have it: any delimiter and encoding, packed or not, CSV, Parquet, JSON Lines or a workbook."""
