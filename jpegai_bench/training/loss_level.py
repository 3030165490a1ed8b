"""The usual level of a training's loss, and whether it has left it for good."""

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any

WINDOW = 50
"""Losses whose median is a level: one that stays up for more than half of them lifts it."""
FACTOR = 4.0
"""Times the usual level. In a sound training of `model=small` with two crops of 64 a step, the noisiest,
medians stayed within 1.4 of the lowest; an untrained network costs 10 times what it does 600 steps later."""
_SETTLED = 5


@dataclass
class Level:
    """Medians of the last losses, and the lowest that there was: the usual level.

    A single batch may cost many times another, so only medians are compared. Another loss function, as one
    that takes in MS-SSIM, and another network, as one whose attention takes part, begin anew.
    """

    stage: tuple[float, bool] = (0.0, True)
    """The share of MS-SSIM in the losses, and whether the attention takes part."""
    recent: list[float] = field(default_factory=list)
    lowest: float = math.inf

    def add(self, loss: float, stage: tuple[float, bool]) -> None:
        """Take in the loss of a step that counts."""
        if stage != self.stage:
            self.stage, self.recent, self.lowest = stage, [], math.inf
        self.recent = [*self.recent, loss][-WINDOW:]
        if len(self.recent) == WINDOW:
            self.lowest = min(self.lowest, median(self.recent))

    @property
    def times(self) -> float:
        """How many times its usual level the loss has; 1 until there is one."""
        is_full = len(self.recent) == WINDOW
        return median(self.recent) / max(self.lowest, 1e-9) if is_full else 1.0

    @property
    def has_exploded(self) -> bool:
        """Whether it rose to many times its usual level and stayed there."""
        return self.times > FACTOR

    def is_calm(self, loss: float) -> bool:
        """Whether neither this loss nor one of the last few may be the beginning of an explosion."""
        return all(value <= FACTOR * self.lowest for value in (*self.recent[-_SETTLED + 1 :], loss))

    def as_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"stage": self.stage, "recent": self.recent, "lowest": self.lowest}
