"""Which source a class or a function reaches, found by reading it: what decides a variant's results, no more.

In this package it is followed definition by definition, so that a change of one module under study leaves the
results of variants that do not use it valid; which file a definition stands in does not count. In a user's
own code it is followed file by file, through every import of it. An installed library counts by its version.
"""

import ast
import hashlib
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from jpegai_bench.errors import BenchError
from jpegai_bench.fingerprint.syntax import OURS, Names, dumped, imported, is_for_types, is_text, our_file

_LIBRARY = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of libraries wherever they are: of the system beside an environment, of a user, of a cluster."""
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def reached(targets: Iterable[str]) -> dict[str, str]:
    """Name and hash of every part that the targets reach.

    Args:
        targets: import paths of classes or functions, as `my_codec.blocks.Gate`.

    Returns:
        `RNAB` and 16 hex digits of a definition of this package, of several that are called so in one;
        `my_codec/blocks.py` and the same of a user's file; `torch` and the version of a library that a target
        or a user's file is of.
        What cannot be found is absent: whoever imports it will say so.

    Raises:
        BenchError: a user's file is no Python.
    """
    invalidate_caches()
    walk = _Walk()
    for target in targets:
        module, _, name = target.rpartition(".")
        walk.symbol(module, name)
    ours = {name: _joined(hashes.values()) for name, hashes in walk.definitions.items()}
    return dict(sorted((ours | walk.parts).items()))


def users_files(parts: Mapping[str, str]) -> dict[str, str]:
    """Those of the parts that `reached` found which are files of the user's own."""
    return {name: digest for name, digest in parts.items() if name.endswith(".py")}


@dataclass
class _Walk:
    definitions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of this package: hashes by name, and by the module that each is in."""
    parts: dict[str, str] = field(default_factory=dict)
    """Users' files and libraries."""
    seen: set[tuple[str, str]] = field(default_factory=set)

    def symbol(self, module: str, name: str) -> None:
        """A name of a module, wherever that module is from; `*` is all of it."""
        if (module, name) in self.seen:
            return
        self.seen.add((module, name))
        top = module.partition(".")[0]
        if top == OURS:
            self._of_ours(module, name)
        elif name != "*" and _users_file(f"{module}.{name}"):
            self.symbol(f"{module}.{name}", "*")
        elif path := _users_file(module):
            self._of_users(module, path)
        elif library := _library(top):
            self.parts[top] = library

    def _of_ours(self, module: str, name: str) -> None:
        part = _part(module, name)
        if part.hash:
            self.definitions.setdefault(name, {})[module] = part.hash
        for used in part.uses:
            self.symbol(*used)

    def _of_users(self, module: str, path: Path) -> None:
        package = path.name == "__init__.py"
        where = module.replace(".", "/") + ("/__init__.py" if package else ".py")
        if where in self.parts:
            return
        tree = _parsed(path)
        imports = list(imported(ast.walk(tree), module, package))
        self.parts[where] = _hash([tree], Names.of(imports))
        parents = module.split(".")[:-1]
        for length in range(1, len(parents) + 1):  # importing a module runs those that it lies in
            self.symbol(".".join(parents[:length]), "*")
        for _, used in imports:
            self.symbol(*used)


@dataclass(frozen=True)
class _Source:
    """A file of this package: what its names stand for."""

    definitions: dict[str, list[ast.stmt]]
    imports: dict[str, tuple[str, str]]
    """By local name the module and the name in it."""
    effects: list[ast.stmt]
    """Statements that define nothing and run when the file is imported."""


@dataclass(frozen=True)
class _Part:
    """A definition of this package; without `hash`, a whole file of it, or what is not there."""

    hash: str = ""
    uses: tuple[tuple[str, str], ...] = ()
    """Module and name of everything that it names."""


@cache
def _part(module: str, name: str) -> _Part:
    if our_file(f"{module}.{name}"):  # a module, not yet what is used of it
        return _Part(uses=((f"{module}.{name}", "*"),))
    path = our_file(module)
    if path is None:
        return _Part()
    source = _read(path, module)
    if name == "*":
        return _Part(uses=tuple((module, definition) for definition in source.definitions))
    uses = [source.imports[name]] if name in source.imports else []  # handed on
    nodes = source.definitions.get(name, [])
    if not nodes:
        return _Part(uses=tuple(uses))
    for node in (*nodes, *source.effects):
        uses += _used_by(node, module, source)
    local_imports = [
        imported_name for node in nodes for imported_name in imported(ast.walk(node), module, package=False)
    ]
    return _Part(
        _hash(nodes, Names.of([*source.imports.items(), *local_imports])), tuple(dict.fromkeys(uses))
    )


def _used_by(root: ast.AST, module: str, source: "_Source") -> Iterator[tuple[str, str]]:
    """Everything of this package that a part of one of its files names."""
    nodes = list(ast.walk(root))
    imports = source.imports | dict(imported(nodes, module, package=False))
    module_names_seen: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            whole = imports.get(node.value.id)
            if whole and our_file(".".join(whole)):
                module_names_seen.add(id(node.value))
                yield ".".join(whole), node.attr
    for node in nodes:
        if not isinstance(node, ast.Name) or id(node) in module_names_seen:
            continue
        if node.id in imports:
            if imports[node.id][0].partition(".")[0] == OURS:
                yield imports[node.id]
        elif node.id in source.definitions:
            yield module, node.id


@cache
def _read(path: Path, module: str) -> _Source:
    source = _Source({}, {}, [])
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            source.imports.update(imported([node], module, path.name == "__init__.py"))
        elif is_for_types(node):
            source.imports.update(imported(ast.walk(node), module, path.name == "__init__.py"))
        elif names := list(_defined(node)):
            for name in names:
                source.definitions.setdefault(name, []).append(node)
        elif not is_text(node):
            source.effects.append(node)
    return source


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, _DEFINITION):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    yield part.id


def _hash(nodes: Iterable[ast.AST], names: Names) -> str:
    text = "\0".join(dumped(node, names) for node in nodes)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _joined(hashes: Iterable[str]) -> str:
    first, *more = sorted(hashes)
    return hashlib.sha256("\0".join([first, *more]).encode()).hexdigest()[:16] if more else first


def _users_file(module: str) -> Path | None:
    """The file of a module that is no part of Python, of an installed library, or of this package."""
    top, *inner = module.split(".")
    try:
        spec = find_spec(top) if top else None
    except (ImportError, ValueError):  # loaded, and without a specification of its own
        spec = None
    for part in inner:
        spec = spec and PathFinder.find_spec(part, list(spec.submodule_search_locations or []))
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin).resolve()
    is_library = _INSTALLED & set(path.parts) or any(path.is_relative_to(folder) for folder in _LIBRARY)
    return None if is_library else path


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise BenchError(f"{path}, line {error.lineno}: {error.msg}") from None


@cache
def _library(top: str) -> str | None:
    """The version of the installed library of a top-level module; None for Python's own, or for no name."""
    if not top:  # what follows reads the metadata of all that is installed
        return None
    try:
        return version(top)
    except (PackageNotFoundError, ValueError):
        named = packages_distributions().get(top, [])
    return ", ".join(f"{name} {version(name)}" for name in sorted(set(named))) or None
