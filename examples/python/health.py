"""How is the bridge? No key is needed.  python health.py"""

from bridge.client import Bridge

with Bridge.from_environment() as bridge:
    health = bridge.health()
    print(f"{health['status']}: {health['engine']} engine, {health['calls']} of {health['capacity']} calls")
    print(f"personas: {', '.join(health['personas'])}")
