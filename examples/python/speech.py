"""A recording in, the answer out.  python speech.py dental ../question.wav answer.wav"""

import sys

from bridge.client import Bridge, ClientError

persona, wav_in, wav_out = sys.argv[1:4]
try:
    with Bridge.from_environment() as bridge:
        answer = bridge.speech(wav_in, persona=persona, seed=42)
except ClientError as error:
    sys.exit(str(error))
print(answer.save(wav_out))
print(answer.transcript)
