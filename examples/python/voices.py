"""Which voices are there, your own first?  python voices.py"""

from bridge.client import Bridge

with Bridge.from_environment() as bridge:
    for voice in bridge.voices.list():
        there = "" if voice["available"] else "  (not downloaded)"
        print(f"{voice['name']:10} {voice['type']:8} {voice['category']}{there}")
