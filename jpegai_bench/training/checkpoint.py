"""A training's state on disk: a checkpoint, written beside and renamed, refused where it does not belong."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import Network
from jpegai_bench.system.files import replace_bytes
from jpegai_bench.training.loss_level import Level

CHECKPOINT = "checkpoint.pt"
_KEYS = {"identity", "network", "optimizer", "average", "step", "eased", "level"}


@dataclass
class State:
    """What a training is, between two steps."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: list[Tensor]
    """Moving average of the trained parameters."""
    step: int = 0
    eased: float = 1.0
    """Factor on the learning rate, lowered each time that the training had to go back."""
    level: Level = field(default_factory=Level)
    """Of the loss: an explosion is measured against it."""

    def save(self, path: Path, identity: dict[str, Any]) -> None:
        """Write the checkpoint.

        Raises:
            BenchError: it cannot be written; the one before is intact.
        """
        content = {
            "identity": identity,
            "network": dict(self.network.named_parameters()),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
            "eased": self.eased,
            "level": self.level.as_dict(),
        }
        data = io.BytesIO()
        torch.save(content, data)
        try:
            replace_bytes(path, data.getbuffer())
        except OSError as error:
            intact = "the last one is intact" if path.exists() else "there is none yet"
            raise BenchError(
                f"{path}: the checkpoint cannot be written ({error.strerror}); {intact}; free some space, "
                "and the same command goes on"
            ) from None

    def restore(self, path: Path, identity: dict[str, Any]) -> None:
        """Take over the checkpoint, where there is one.

        Raises:
            BenchError: it is no checkpoint, or one of another configuration; what differs is named.
        """
        if not path.exists():
            return
        try:
            content = torch.load(path, weights_only=True, map_location="cpu")
            if not isinstance(content, dict) or content.keys() != _KEYS:
                raise ValueError("it holds something else")
        except Exception:  # torch has many, and advice that is wrong here
            raise BenchError(
                f"{path}: damaged, or no checkpoint of this program; remove it to start anew"
            ) from None
        if content["identity"] != identity:
            differing = ", ".join(differences(content["identity"], identity))
            raise BenchError(
                f"{path.parent}: holds a training of another configuration ({differing}); "
                "restore that configuration or train into another folder"
            )
        try:
            self.optimizer.load_state_dict(content["optimizer"])
        except ValueError:
            raise BenchError(
                f"{path}: of a version that grouped the parameters otherwise; remove it to start anew"
            ) from None
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                parameter.copy_(content["network"][name])
            for average, saved in zip(self.average, content["average"], strict=True):
                average.copy_(saved)
        self.step = int(content["step"])
        self.eased = float(content["eased"])
        self.level = Level(**content["level"])


def differences(was: Any, now: Any, name: str = "") -> Iterator[str]:
    """Each value that differs between two nested dictionaries, as `a.b was 1, is 2`; of `source` the names.

    Of two variants only that they are two: all else of them differs too.
    """
    if not name and was.get("variant") != now.get("variant"):
        yield from differences(was.get("variant"), now.get("variant"), "variant")
    elif isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            yield from differences(was.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif was != now and name.partition(".")[0] == "source":
        yield f"{name.removeprefix('source.')} has changed"
    elif was != now:
        yield f"{name} was {was}, is {now}"
