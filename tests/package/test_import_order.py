"""Imports run one way, as CONTRIBUTING says: a reader follows an image from command to bytes, never back."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "jpegai_bench").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")])
DOOR = "jpegai_bench"
"""What `from jpegai_bench import measure` reads; it hands on, and nothing imports it."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imports_of(module: str) -> set[str]:
    """The modules of this project that a file imports anywhere, for types alone and by a text too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_bytes())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports say the whole path"
            wholes = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {whole if whole in MODULES else str(node.module) for whole in wholes}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            path = node.value.removesuffix(".")  # the room alone, where the rest is put together
            found |= {path} - {DOOR}
    return found & MODULES.keys()


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "hydra_plugins" else parts[1]


def floors() -> dict[str, int]:
    """The floor of each room, as CONTRIBUTING has them."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    [order] = [block for block in text.split("\n\n") if " › " in block and block.startswith("    ")]
    rows = [row.split("|") for row in " ".join(order.split()).split("›")]
    return {room.strip(): floor for floor, rooms in enumerate(rows) for room in rooms}


def test_every_room_is_in_the_order_and_there_are_few():
    rooms = {room_of(module) for module in MODULES if module not in (DOOR, "hydra_plugins")}
    assert rooms == floors().keys()
    loose = [path.name for path in (ROOT / "jpegai_bench").glob("*.py")]
    assert len(loose) <= 3, loose


def test_imports_run_down_the_floors():
    order = floors()
    up = [
        f"{module} imports {other}"
        for module in MODULES
        if module != DOOR
        for other in imports_of(module)
        if room_of(module) != room_of(other) and order[room_of(module)] >= order[room_of(other)]
    ]
    assert up == []


def test_there_is_no_circle_of_files():
    graph = {module: imports_of(module) - {module} for module in MODULES}
    list(TopologicalSorter(graph).static_order())  # raises, and names the circle


def test_hydra_is_asked_where_words_become_settings_alone():
    asking = {
        room_of(module)
        for module in MODULES
        for node in ast.walk(ast.parse(MODULES[module].read_bytes()))
        for name in names_in(node)
        if name.partition(".")[0] == "hydra"
    }
    assert asking <= {"cli", "sweep", "config", "hydra_plugins"}
    context = "jpegai_bench.config.hydra_context"
    assert {room_of(module) for module in MODULES if context in imports_of(module)} <= {"sweep", "config"}


def names_in(node: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(node, ast.ImportFrom):
        return [str(node.module)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_nothing_comes_in_by_the_door():
    assert [module for module in MODULES if DOOR in imports_of(module)] == []
