"""The layers of DESIGN: a file imports only from its own layer and those below, and each layer only what it may use."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYER = {
    "facts": 0,
    "audio": 1,
    "carrier": 1,
    "persona": 1,
    "gate": 1,
    "transcript": 1,
    "engine": 2,
    "sip": 1,
    "asterisk": 4,
    "call": 3,
    "server": 4,
    "caller": 4,
    "client": 4,
    "connect": 4,
    "hub": 4,
    "cli": 5,
}
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "bridge").rglob("*.py"))

# What a layer must not import, with the reason in its name.
NOT_PURE = {"asyncio", "threading", "socket", "subprocess", "time", "random", "torch", "os", "pathlib"}
NO_EVENT_LOOP = {"asyncio", "fastapi", "starlette", "uvicorn", "websockets", "sqlalchemy"}
NO_FRAMEWORKS = {"fastapi", "starlette", "uvicorn", "websockets", "sqlalchemy", "httpx", "torch"}
FORBIDDEN = {0: NOT_PURE - {"pathlib"}, 1: NOT_PURE, 2: NO_EVENT_LOOP, 3: NO_FRAMEWORKS, 4: {"torch"}, 5: {"torch"}}


def imports(path):
    """Every module that a file imports, anywhere in it, with whether only a type checker reads the line."""
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which layer they reach"
            yield node.module
            if node.module in ("bridge", "bridge.cli"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path):
    return LAYER[path.parts[1]] if len(path.parts) > 2 else 0


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_from_its_own_layer_and_below(path):
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "bridge" and len(parts) > 1 and parts[1] in LAYER:
            assert LAYER[parts[1]] <= layer(path), f"{path} (layer {layer(path)}) imports {module}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_layer_uses_only_what_it_may(path):
    used = {module.split(".")[0] for module in imports(path)}
    assert not used & FORBIDDEN[layer(path)], f"{path} is in layer {layer(path)}"


def test_every_folder_has_its_layer():
    folders = {path.name for path in (ROOT / "bridge").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(LAYER)


def test_torch_is_imported_by_model_files_alone():
    users = {str(path) for path in FILES if any(module.split(".")[0] == "torch" for module in imports(path))}
    assert all(user.startswith("bridge/engine/personaplex/") for user in users)


def test_engines_do_not_know_each_other():
    engines = {"cascade", "echo", "personaplex"}
    for path in FILES:
        if path.parts[1] == "engine" and path.parts[2] in engines:
            others = {f"bridge.engine.{name}" for name in engines - {path.parts[2]}}
            for module in imports(path):
                assert not any(module.startswith(other) for other in others), f"{path} imports {module}"


def test_the_client_leans_on_nothing_of_the_server():
    for path in FILES:
        if path.parts[1] == "client":
            ours = {module for module in imports(path) if module.split(".")[0] == "bridge"}
            assert all(module.startswith(("bridge.client", "bridge.facts")) for module in ours), path
