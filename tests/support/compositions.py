"""Hydra's composing, quicker where it meets the same files and words again, as in hundreds of tests.

What Hydra makes of a file, of a list of files and of a word is kept, as bytes, for who gets it changes it.
Files are read each time: what is kept of them is found by their text.
"""

import pickle
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

_KEPT: dict[tuple, bytes] = {}
_READ, _LOAD, _CHOICES, _JOIN, _PARSE = (
    OmegaConf.load,
    ConfigRepository.load_config,
    defaults_list._create_interpolation_map,
    ConfigLoaderImpl._compose_config_from_defaults_list,
    OverridesParser.parse_rule,
)


@contextmanager
def composed_quickly():
    """Composing is quick while this is entered."""
    with (
        patch.object(OmegaConf, "load", _read),
        patch.object(ConfigRepository, "load_config", _load),
        patch.object(defaults_list, "_create_interpolation_map", _choices),
        patch.object(ConfigLoaderImpl, "_compose_config_from_defaults_list", _join),
        patch.object(OverridesParser, "parse_rule", _parse),
    ):
        yield


def _kept(make, *words, by):
    key = (make, *by)
    if key not in _KEPT:
        _KEPT[key] = pickle.dumps(make(*words))
    return pickle.loads(_KEPT[key])


def _read(file):
    if not isinstance(file, Path):
        return _READ(file)
    return _kept(_READ, file, by=(file, file.read_bytes()))


def _load(self, config_path):
    """One file; Hydra's own and those of its plugins stay as they are."""
    source = self._find_object_source(config_path, ObjectType.CONFIG)
    if source is None:
        return None
    by = (source.scheme(), source.provider, source.path, config_path)
    if source.scheme() == "file":
        by += (Path(source.path, source._normalize_file_name(config_path)).read_bytes(),)
    result = _kept(_LOAD, self, config_path, by=by)
    result.found_by = by
    return result


def _choices(overrides, defaults, self_added):
    by = (repr(overrides.known_choices), repr(defaults), self_added)
    return _kept(_CHOICES, overrides, defaults, self_added, by=by)


def _join(self, defaults, repo):
    files = [repo.load_config(one.config_path).found_by for one in defaults]
    return _kept(_JOIN, self, defaults, repo, by=(repr(defaults), *files))


def _parse(self, word, rule):
    return _kept(_PARSE, self, word, rule, by=(word, rule))
