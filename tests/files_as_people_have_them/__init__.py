"""Files as people have them: the kinds that public reports on pandas, Arrow, ONNX and monitoring tools are about."""
