"""Layer 4: a number at Twilio. Connecting it with a server, and checking the whole chain from there to a call."""
