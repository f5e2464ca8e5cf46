"""A recogniser as one ONNX graph, and what runs it without torch."""
