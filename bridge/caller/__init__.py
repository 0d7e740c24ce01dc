"""Layer 4: a caller of our own. It stands in for Twilio and for the person on the line, over the real protocol."""
