"""Exporting methods: ONNX, OpenVINO, integers, and proof that they say the same."""
