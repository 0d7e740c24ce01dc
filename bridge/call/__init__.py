"""Layer 3: one call from ring to hang-up."""
