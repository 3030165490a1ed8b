"""Hashes of what source files do, and which files are behind a class: for the keys of cached results."""

import ast
import hashlib
import sys
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


def loaded_files(name: str) -> set[Path]:
    """The Python files of the top-level package that `name`, a dotted path, begins with, as far as loaded."""
    top = name.partition(".")[0]
    loaded = [module for key, module in list(sys.modules.items()) if key.partition(".")[0] == top]
    files = {getattr(module, "__file__", None) for module in loaded}
    return {Path(file) for file in files if file and file.endswith(".py")}


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
