"""Implements the ports: S3, DynamoDB, files, ONNX, trackers. No decisions here."""
