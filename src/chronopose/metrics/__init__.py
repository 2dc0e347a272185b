"""Official metrics as pure functions."""
