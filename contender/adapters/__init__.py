"""The edge: S3, DynamoDB, files and ONNX behind the core's ports. No decisions here."""
