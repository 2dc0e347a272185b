"""The scene engine: clothed people in motion, rendered with exact labels (extra `synth`)."""
