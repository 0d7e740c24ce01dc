"""Layer 1: persona files. The closed schema, its report with line numbers, the model prompt."""
