"""Which models are there, and what can this machine hold?  python models.py"""

import json

from bridge.client import Bridge

with Bridge.from_environment() as bridge:
    for model in bridge.models.list():
        print(f"{model['name']:30} {model['status']:12} {model['expectedSizeMb']} MB")
    print(json.dumps(bridge.machine(), indent=2))
