"""Layer 4: a caller of our own, a faithful stand-in for Twilio's side, and the load it can make."""
