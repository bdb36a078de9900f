"""Environments of a project: their settings, how they differ, and versions that go from one to another."""
