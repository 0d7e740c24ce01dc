"""Layer 1: the topic gate. Decides on every word before it is spoken; pure, per call."""
