"""Make a voice of 10 to 20 s of a person's speech.  python add_voice.py ann ann.wav

Only with the speaker's consent, in writing: see docs/voices.md.
"""

import sys

from bridge.client import Bridge, ClientError

name, recording = sys.argv[1:3]
try:
    with Bridge.from_environment() as bridge:
        bridge.voices.add(name, recording, language="en", consent=True)
        for voice in bridge.voices.list():
            if voice["custom"]:
                print(voice["name"], voice["language"])
except ClientError as error:
    sys.exit(str(error))
