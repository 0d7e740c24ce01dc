"""Put the caller of a call that goes on through to a person, or hang up.  python control.py CALL_ID transfer|hangup"""

import sys

from bridge.client import Bridge, ClientError

call_id, what = sys.argv[1:3]
try:
    with Bridge.from_environment() as bridge:
        if what == "transfer":
            bridge.calls.transfer(call_id, say="One moment, I'm putting you through.")
        else:
            bridge.calls.hang_up(call_id, say="We are closing now. Goodbye.")
except ClientError as error:
    sys.exit(str(error))
print(f"{call_id}: asked to {what}")
