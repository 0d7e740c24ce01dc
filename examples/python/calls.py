"""The latest calls, and all of the newest: transcript, and recording if there is one.  python calls.py"""

from bridge.client import Bridge, NotFoundError

with Bridge.from_environment() as bridge:
    page = bridge.calls.page(limit=5)
    for call in page.calls:
        print(call["call_id"], call["started_at"], call["persona"], call["ended"])
    if page.calls:
        newest = page.calls[0]["call_id"]
        print(bridge.calls.transcript(newest))
        try:
            print(bridge.calls.recording(newest, f"{newest}.wav"))
        except NotFoundError as error:
            print(error)
