"""A number at Twilio, a proxy, a server: the chain, and everything that breaks it."""
