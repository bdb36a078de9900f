"""What parts of a pipeline become in ONNX."""
