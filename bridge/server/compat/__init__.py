"""Addresses that clients of the public model servers know already, each a call like any other."""
