"""Where a model's two steps run: torch, onnxruntime or OpenVINO; graphs of them, made, saved, read and kept."""
