"""Layer 1: the record of a call. What was said, what was heard, verdicts, masking; no I/O."""
