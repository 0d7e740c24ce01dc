"""Layer 1: carrier protocols as objects without I/O: texts in, events out; commands in, texts out."""
