"""The pipeline file: read, checked, and turned into typed settings."""
