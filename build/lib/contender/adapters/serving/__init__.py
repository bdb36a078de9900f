"""ONNX Runtime and JSON on the serving path."""
