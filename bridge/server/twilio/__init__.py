"""Twilio's requests: the webhooks, the upgrade of the stream, what is told afterwards, and how each is answered."""
