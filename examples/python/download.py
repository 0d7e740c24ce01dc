"""Download a model, with progress; it goes on where it stopped.  python download.py personaplex-7b-v1"""

import sys

from bridge.client import Bridge, ClientError

try:
    with Bridge.from_environment() as bridge:
        for now in bridge.models.download(sys.argv[1]):
            if now["state"] == "failed":
                sys.exit(f"{now['error']} {now['advice'] or ''}")
            print(
                f"\r{now['state']} {now['file'] or ''}: {now['have'] / 1e6:.1f} of {now['total'] / 1e6:.1f} MB", end=""
            )
        print()
except ClientError as error:
    sys.exit(str(error))
