"""What does the topic gate of a persona make of some words?  python gate.py dental "Take two ibuprofen." """

import sys

from bridge.client import Bridge, ClientError

try:
    with Bridge.from_environment() as bridge:
        told = bridge.personas.try_gate(sys.argv[2], persona=sys.argv[1])
except ClientError as error:
    sys.exit(str(error))
for piece in told["pieces"]:
    print(f"{piece['action']:8} {piece['piece']}")
print(f"heard:   {told['heard']}")
print(f"refusal: {told['refusal'] or 'none'}")
