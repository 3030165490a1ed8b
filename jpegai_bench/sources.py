"""A hash of what source files do, for the keys of cached results."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path


def code_hash(files: Iterable[str | Path]) -> str:
    """SHA-256 over the names and syntax trees of Python files, in hexadecimal.

    Comments, docstrings and layout do not count: results stay valid when only the words about them change.
    """
    digest = hashlib.sha256()
    for path in sorted(map(Path, files), key=lambda path: (path.parent.name, path.name)):
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
        digest.update(f"{path.parent.name}/{path.name}\0{ast.dump(tree)}\0".encode())
    return digest.hexdigest()


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
