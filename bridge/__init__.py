"""callbridge: a speech-to-speech model that answers a business telephone."""

__version__ = "0.1.0"
