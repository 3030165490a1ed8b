"""What names finished work: hashes of contents, never of names."""

import hashlib
import json
from typing import Any


def content_key(content: Any) -> str:
    """24 hex digits that name plain data by its content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def unit_key(codec: dict[str, str], metrics: dict[str, str], image_hash: str, quality: float) -> str:
    """The key of one image at one rate; every argument but the quality is content, not a name."""
    return content_key({"codec": codec, "metrics": metrics, "image": image_hash, "quality": float(quality)})


def search_key(codec: dict[str, str], image_hash: str, target_bpp: float) -> str:
    """The key of the quality at which one image meets a target rate."""
    return content_key({"codec": codec, "image": image_hash, "target_bpp": float(target_bpp)})
