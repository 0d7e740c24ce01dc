"""Have a persona call somebody.  python place_call.py +12025550143 bakery"""

import sys

from bridge.client import Bridge, ClientError

try:
    with Bridge.from_environment() as bridge:
        call = bridge.calls.place(sys.argv[1], sys.argv[2])
except ClientError as error:  # the do-not-call list, the persona's hours, no free slot …
    sys.exit(str(error))
print(f"{call['call_id']}: {call['persona']} calls {call['to']} from {call['from']}")
