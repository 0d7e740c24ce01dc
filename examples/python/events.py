"""What happens in the house, as it happens; or in one call, to its end.  python events.py [CALL_ID]"""

import sys

from bridge.client import Bridge, ClientError

try:
    with Bridge.from_environment() as bridge:
        for event in bridge.calls.events(sys.argv[1]) if len(sys.argv) > 1 else bridge.events():
            if event.kind != "levels":
                print(event.kind, event.data, flush=True)
except ClientError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    pass
