"""Calls that Asterisk hands over: the socket of each, and what Asterisk asks when one is over."""
