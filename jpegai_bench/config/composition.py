"""Have Hydra compose a configuration, and do something with it."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import hydra
import hydra._internal.hydra as hydra_itself
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig

from jpegai_bench.config.folders import CONF
from jpegai_bench.config.hydra_errors import in_one_line
from jpegai_bench.config.overrides import folders_of, key_of, with_names
from jpegai_bench.config.setting_names import groups
from jpegai_bench.config.validation import Kind, validated
from jpegai_bench.config.variants import complete
from jpegai_bench.errors import BenchError

Answer = TypeVar("Answer")

_MAY_SET_THE_MODE = ("hydra", "hydra.mode", "hydra.searchpath")
"""Words by which a user says whether there are several jobs, or names further folders of configurations."""


class WholeVariants(ConfigLoaderImpl):
    """Hydra's loader, but a variant has all its modules, also in what `--cfg` shows.

    Hydra 1.3 calls nothing of ours between composing and showing; 1.4 will (`Callback.on_compose_config`).
    """

    def load_configuration(self, *args: Any, **more: Any) -> DictConfig:
        """As Hydra's own."""
        return complete(super().load_configuration(*args, **more))


class ComposedOnce(hydra_itself.Hydra):
    """Hydra, but it does not compose beforehand to learn whether a configuration asks for several jobs.

    Only a user's can, by `hydra.mode`: ours leaves that to the words.
    """

    def get_mode(self, config_name: str | None, overrides: list[str]) -> Any:
        """As Hydra's own: None where `-m` decides."""
        folders = self.config_loader.get_search_path().get_path()
        ours = {"hydra", "schema"} | {folder.provider for folder in folders if folder.path == str(CONF)}
        of_users = any(folder.provider not in ours for folder in folders)
        if of_users or any(key_of(word) in _MAY_SET_THE_MODE for word in overrides):
            return super().get_mode(config_name, overrides)
        return None


def composed(words: Sequence[str], task: Callable[[Kind], Answer], kind: type[Kind]) -> Answer | None:
    """What `task` makes of the settings of one kind that these words give; None where they only show them.

    Raises:
        BenchError: the words give no settings, in one line.
        Exception: whatever the task raises.
    """
    answers: list[Answer] = []
    errors: list[Exception] = []

    def job(config: DictConfig) -> None:
        try:
            answers.append(task(validated(config, kind)))
        except Exception as error:  # caught here, for Hydra would print words of its own first
            errors.append(error)

    run_hydra(job, words)
    if errors:
        raise errors[0]
    return answers[0] if answers else None


def run_hydra(job: Callable[[DictConfig], None], words: Sequence[str]) -> None:
    """Let Hydra call `job` with the configuration that the words make, or with each of several.

    Raises:
        BenchError: what Hydra has to say, in one line.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here, to be said in one line
    hydra_itself.ConfigLoaderImpl = WholeVariants  # type: ignore[misc]
    hydra_itself.Hydra = ComposedOnce  # type: ignore[misc]
    saved = sys.argv
    try:
        group_names = groups(folders_of(words))
        sys.argv = ["jpegai-bench", *(with_names(w) if key_of(w) in group_names else w for w in words)]
        with in_one_line(words):
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except OSError as error:  # of a folder that Hydra makes for a sweep
        where = error.filename or "results"
        raise BenchError(
            f"{where}: cannot be written ({error.strerror or error}); choose another folder with results=PATH"
        ) from None
    finally:
        sys.argv = saved
