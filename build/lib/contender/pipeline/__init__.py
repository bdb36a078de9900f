"""The pipeline file, parsed and validated into typed settings."""
