"""Layer 0: facts. Frozen values that every other layer may name: formats, events, errors, settings."""
