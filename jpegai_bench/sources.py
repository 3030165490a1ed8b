"""Hashes of what source files do, for the keys of cached results. Nothing is imported or run to find them."""

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
        digest.update(f"{path.parent.name}/{path.name}\0{dumped(ast.parse(path.read_bytes()))}\0".encode())
    return digest.hexdigest()


def dumped(tree: ast.AST) -> str:
    """A syntax tree as text, without docstrings; it is changed in place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not is_text(part)] or [ast.Pass()]
    return ast.dump(tree)


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string alone, as docstrings are."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
