"""Conversion of calibration and LightGBM to ONNX; what cannot be converted."""
