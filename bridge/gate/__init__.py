"""Layer 1: the topic gate. It reads the agent's text before any of it is spoken and stops what a persona blocks."""
