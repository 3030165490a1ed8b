"""Hashes of what source does, for the keys of cached results. Nothing is imported or run to find them.

Only what a definition does counts, not where it stands: a file of this package can be renamed or moved, and
its imports follow, with no key changed. The text that is hashed is the same under every version of Python.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OURS = __name__.partition(".")[0]
HOME = Path(__file__).parents[1]
_NO_CONTENT = ("ctx", "kind", "type_comment")
"""Fields of a node that follow from where it stands, or are comments."""


@dataclass(frozen=True)
class Names:
    """What names stand for that a file imports."""

    full: Mapping[str, str]
    """Of a library or a user's file the full name, as `torch.nn.functional.gelu`; of ours the last part."""
    modules: frozenset[str] = frozenset()
    """Names of modules of this package: `range_coder.decode` is `decode`, wherever it is from."""

    @classmethod
    def of(cls, imports: Iterable[tuple[str, tuple[str, str]]]) -> "Names":
        """Of what `imported` yields."""
        full: dict[str, list[str]] = {}
        modules = set()
        for local, (module, name) in imports:
            if module.partition(".")[0] == OURS:
                if our_file(f"{module}.{name}"):
                    modules.add(local)
                full.setdefault(local, []).append(name)
            else:
                full.setdefault(local, []).append(f"{module}.{name}".removesuffix(".*"))
        return cls({local: "|".join(dict.fromkeys(all_)) for local, all_ in full.items()}, frozenset(modules))


def code_hash(files: Iterable[str | Path]) -> str:
    """SHA-256 over what Python files of this package do, in hexadecimal.

    Comments, docstrings, layout, import lines and the files' names do not count: results stay valid when only
    the words about them change, or the place where they stand.
    """
    texts = []
    for path in files:
        tree = ast.parse(Path(path).read_bytes())
        texts.append(dumped(tree, Names.of(imported(ast.walk(tree), OURS, package=False))))
    return hashlib.sha256("\0".join(sorted(texts)).encode()).hexdigest()


def dumped(node: ast.AST, names: Names) -> str:
    """A syntax tree as text, without docstrings and import lines.

    It is `ast.dump` without the fields that are empty, of which newer versions of Python have more.
    """
    if isinstance(node, ast.Constant):
        return f"Constant({node.value!a})"
    if isinstance(node, ast.Name):
        return f"Name({names.full.get(node.id, node.id)})"
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in names.modules
    ):
        return f"Name({node.attr})"
    if isinstance(node, ast.JoinedStr):
        node = ast.JoinedStr(list(_joined(node.values)))
    fields = sorted((name, value) for name, value in ast.iter_fields(node) if name not in _NO_CONTENT)
    told = (f"{name}={_field(value, names)}" for name, value in fields if value not in (None, []))
    return f"{type(node).__name__}({','.join(told)})"


def _field(value: object, names: Names) -> str:
    if isinstance(value, ast.AST):
        return dumped(value, names)
    if not isinstance(value, list):
        return ascii(value)
    kept = [part for part in value if not (isinstance(part, ast.stmt) and _says_nothing(part))]
    return f"[{','.join(_field(part, names) for part in kept or [ast.Pass()])}]"


def _joined(parts: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """Parts of an f-string, text beside text as one: Python 3.12 leaves it in pieces, some of them empty."""
    text = ""
    for part in parts:
        if isinstance(part, ast.Constant):
            text += str(part.value)
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield part
    if text:
        yield ast.Constant(text)


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.names[0].name != "*"
    return isinstance(node, ast.Import) or is_text(node) or is_for_types(node)


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string alone, as docstrings are."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_for_types(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imported(nodes: Iterable[ast.AST], module: str, package: bool) -> Iterator[tuple[str, tuple[str, str]]]:
    """Local name, and module and name that it stands for; a module imported as such as its parent's name.

    Args:
        nodes: of a file.
        module: import path of that file, from which relative imports count.
        package: whether it is an `__init__.py`.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                parent, _, name = alias.name.rpartition(".")
                yield alias.asname or alias.name, (parent, name) if parent else (name, "*")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                kept = parts[: len(parts) - node.level + (1 if package else 0)]
                base = ".".join([*kept, *([base] if base else [])])
            for alias in node.names:
                yield alias.asname or alias.name, (base, alias.name)


def our_file(module: str) -> Path | None:
    """The file of a module of this package; None where it has none of that name."""
    top, *inner = module.split(".")
    if top != OURS:
        return None
    path = HOME.joinpath(*inner)
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
