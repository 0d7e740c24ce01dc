"""The echo engine: gives the caller's audio back one frame later, with exact timing. For tests and load."""
