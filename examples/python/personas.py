"""List, check, write, change and delete a persona.  python personas.py example-bakery"""

import sys

from bridge.client import Bridge, ConflictError, InvalidError

name = sys.argv[1] if len(sys.argv) > 1 else "example-bakery"
with Bridge.from_environment() as bridge:
    for persona in bridge.personas.list():
        print(f"{persona['name']:20} {persona['business']}, {len(persona['problems'])} problems")

    text = bridge.personas.template(name)
    told = bridge.personas.check(name, text.replace("business:", "busines:"))
    for problem in told["problems"]:
        print(f"  line {problem['line']}: {problem['where']} {problem['what']} ({problem['hint']})")

    try:
        bridge.personas.write(name, text)  # a new one: refused where there is one of that name
    except (ConflictError, InvalidError) as error:
        sys.exit(str(error))
    file = bridge.personas.read(name)
    print(f"written; its prompt takes {file.answer['cost']['seconds']} s")
    bridge.personas.write(name, file.yaml + "\n# Changed over the API.\n", file.etag)
    try:
        bridge.personas.write(name, file.yaml, file.etag)  # the same etag again: somebody else was faster
    except ConflictError as error:
        print(error)
    bridge.personas.delete(name, bridge.personas.read(name).etag)
