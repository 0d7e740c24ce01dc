"""Layer 5: the command line. Parsing and wiring; the only place that builds concrete objects from settings."""
