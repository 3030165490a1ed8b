"""The nodes of the `anchor` group."""

from typing import Any

from omegaconf import OmegaConf

from jpegai_bench.config.schema import Settings


def anchor_nodes(settings: Settings) -> dict[str, Any]:
    """Every node of the `anchor` group by its label, the package's and those of `--config-dir`."""
    nodes: dict[str, Any] = {}
    outside = dict.fromkeys(("arch", "checkpoint", "device"))
    for path in sorted(
        {path for folder in settings.config_folders for path in (folder / "anchor").glob("*.yaml")}
    ):
        content = OmegaConf.to_container(OmegaConf.merge(outside, OmegaConf.load(path)), resolve=True)
        assert isinstance(content, dict)
        nodes |= {str(key): node for key, node in content.items() if key not in outside}
    return nodes
