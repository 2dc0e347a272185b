"""Published settings as functions: config() and build(config)."""
