"""Weights on disk: two safetensors files, `shared` and one per synthesis, each saying what it is.

The shared file holds analysis, entropy models, gains and the quantised CDF tables; its id (a hash of all of
them) goes into every bitstream. A synthesis file records the id of the analysis and gains that it was trained
on (another entropy model changes what it gets by rounding alone), its variant and the structural numbers, and
is refused where they do not match. Both record the id of their own tensors, and are refused as damaged where
it is another. Tensors are stored as float16.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files
from jpegai_bench.network.cdf_tables import Histograms, Tables, scale_tables
from jpegai_bench.network.codec import BRANCHES, Network
from jpegai_bench.network.coding import Coder
from jpegai_bench.network.weight_files import FORMAT, SHARED_FILE, WeightIds, shared_id, synthesis_file
from jpegai_bench.system.files import make_folder, replace_bytes

_TABLE_PREFIX = "table."
_FIELDS = ("cdf", "length", "offset")
_ENCODER = ("analysis_", "gain_")
_OF_ENTROPY_MODELS = ("hyper_", "context", "entropy.")
"""How the names of structural numbers and modules begin that a synthesis does not depend on."""
_ENTROPY_PARTS = tuple(
    f"prior_{branch}.{part}." for branch in BRANCHES for part in ("analysis", "synthesis", "passes")
)
_OF_SHARED = ("analysis.", "entropy.")
"""How the names of modules begin that are not of a synthesis."""


def save(
    network: Network,
    folder: Path,
    variant: str,
    structure: dict[str, Any],
    note: dict[str, Any],
    shared_from: Path | None = None,
    count: Callable[[Coder], Histograms] | None = None,
) -> None:
    """Write `shared` and the variant's synthesis.

    Args:
        network: trained; its weights are rounded to float16 in place, since the CDF tables and the ids must
            belong to what is stored.
        folder: is made where it does not exist.
        variant: the name of the variant.
        structure: the structural numbers and the variant's modules, as plain data.
        note: what else goes into the files' metadata: recipe, steps, seed, commit.
        shared_from: the folder whose encoder the synthesis was trained on; its shared file is copied as it
            is, since CDF tables made again on another machine could differ in a last digit.
        count: codes photographs and counts the symbols, which the CDF tables are made of; without, they are
            Gaussians.

    Raises:
        BenchError: the folder cannot be made or written.
    """
    make_folder(folder, "choose another folder")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    common = {
        "format": FORMAT,
        "structure": json.dumps(structure, sort_keys=True),
        "note": json.dumps(note, sort_keys=True),
    }
    if shared_from:
        common["shared_id"] = shared_id(shared_from)
        common["encoder_id"] = encoder_id(read(shared_from / SHARED_FILE, "shared")[0])
        # Byte for byte: safetensors writes metadata in a random order, and results are keyed by file hashes.
        _put((shared_from / SHARED_FILE).read_bytes(), folder / SHARED_FILE)
    else:
        shared = {name: tensor.half() for name, tensor in _weights(network.shared)}
        tables = _make_tables(network, count)
        shared |= {f"{_TABLE_PREFIX}y.{field}": tensor for field, tensor in tables.stored().items()}
        common["shared_id"] = content_id(shared)
        common["encoder_id"] = encoder_id(shared)
        _write(shared, folder / SHARED_FILE, {**common, "kind": "shared"})
    synthesis = {name: tensor.half() for name, tensor in _weights(network.synthesis)}
    own = {"kind": "synthesis", "variant": variant, "content_id": content_id(synthesis)}
    _write(synthesis, folder / synthesis_file(variant), {**common, **own})


def load(
    network: Network,
    folder: Path,
    variant: str,
    structure: dict[str, Any],
    wanted: WeightIds | None = None,
) -> Coder:
    """Load both files of `variant` from `folder` into a network built for it.

    Args:
        network: its weights are replaced.
        folder: holds both files.
        variant: its name.
        structure: the structural numbers and modules of `network`, as plain data.
        wanted: the content that the files had when work with them began.

    Raises:
        BenchError: a file is missing, damaged, is no weights file of ours (a pickle is never opened), belongs
            to another variant, structure or shared encoder, or is not as `wanted`.
    """
    shared, shared_meta = read(folder / SHARED_FILE, "shared")
    synthesis, meta = read(folder / synthesis_file(variant), "synthesis")
    where = folder / synthesis_file(variant)
    if wanted not in (None, WeightIds(content_id(shared), content_id(synthesis))):
        raise BenchError(f"{folder}: the weights were replaced while they were in use; run the command again")
    if meta.get("variant") != variant:
        raise BenchError(f"{where}: weights of variant {meta.get('variant')}, not of {variant}")
    stream_id, encoder = content_id(shared), encoder_id(shared)
    if meta.get("encoder_id") != encoder:
        raise BenchError(
            f"{where}: was trained on the encoder {meta.get('encoder_id')}, "
            f"but {SHARED_FILE} beside it is {encoder}"
        )
    _check_structure(folder / SHARED_FILE, shared_meta, structure, _decides_shared)
    _check_structure(where, meta, structure, _decides_synthesis)
    tables = _take_tables(shared, folder / SHARED_FILE)
    _fill(network.shared, shared, folder / SHARED_FILE)
    _fill(network.synthesis, synthesis, where)
    return Coder(network, tables, bytes.fromhex(stream_id))


def initialize(
    network: Network,
    folder: Path,
    variant: str | None,
    structure: dict[str, Any] | None = None,
    shared_is_kept: bool = False,
) -> list[str]:
    """Start a training from other weights: `shared`, and what fits of the synthesis of `variant`.

    Without a variant the synthesis keeps its initial values. So does a part of an entropy model
    (hyper-analysis, hyper-synthesis, context model) that is of another structure there, unless
    `shared_is_kept`. `structure`, that of `network`, lets an encoder that does not fit be told in words.

    Returns:
        The synthesis tensors that found no counterpart and keep their initial values.

    Raises:
        BenchError: the encoder, or with `shared_is_kept` an entropy model, does not fit.
    """
    path = folder / SHARED_FILE
    tensors, meta = read(path, "shared")
    shared = {name: tensor for name, tensor in tensors.items() if not name.startswith(_TABLE_PREFIX)}
    if not shared_is_kept:
        anew = tuple(_anew(network, shared))
        kept = {name: tensor for name, tensor in shared.items() if not name.startswith(anew)}
        shared = kept | {name: x for name, x in _weights(network.shared) if name.startswith(anew)}
    try:
        _fill(network.shared, shared, path)
    except BenchError:
        if structure is not None:
            _check_structure(path, meta, structure, _decides_shared)
        raise
    synthesis = read(folder / synthesis_file(variant), "synthesis")[0] if variant else {}
    own = dict(_weights(network.synthesis))
    fresh = []
    with torch.no_grad():
        for name, tensor in own.items():
            if name in synthesis and synthesis[name].shape == tensor.shape:
                tensor.copy_(synthesis[name])
            else:
                fresh.append(name)
    return fresh


def entropy_parts_anew(network: Network, folder: Path) -> list[str]:
    """Parts of the entropy models that `initialize` leaves as they are, as `prior_luma.passes.`."""
    return _anew(network, read(folder / SHARED_FILE, "shared")[0])


def _anew(network: Network, shared: Mapping[str, Tensor]) -> list[str]:
    own = dict(_weights(network.shared))

    def shapes(tensors: Mapping[str, Tensor], part: str) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in tensors.items() if name.startswith(part)}

    return [part for part in _ENTROPY_PARTS if shapes(own, part) != shapes(shared, part)]


def read(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of one weights file; nothing in it is ever executed."""
    arrays, meta = weight_files.read(path, kind)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, meta


def encoder_id(shared: Mapping[str, Tensor]) -> str:
    """The `content_id` of the analysis transforms and gains among the tensors of a shared file."""
    return content_id({name: shared[name] for name in shared if name.startswith(_ENCODER)})


def content_id(tensors: dict[str, Tensor]) -> str:
    """16 hex digits that name the content of a set of tensors."""
    return weight_files.content_id({name: tensor.numpy() for name, tensor in tensors.items()})


def _take_tables(tensors: dict[str, Tensor], path: Path) -> Tables:
    names = [f"{_TABLE_PREFIX}y.{field}" for field in _FIELDS]
    if not tensors.keys() >= set(names):
        raise BenchError(f"{path}: the CDF tables are missing; weights are written by `train`")
    tables = Tables.read(*(tensors.pop(name) for name in names))
    if tables is None:
        raise BenchError(f"{path}: the CDF tables are damaged; weights are written by `train`")
    return tables


def _make_tables(network: Network, count: Callable[[Coder], Histograms] | None) -> Tables:
    tables = scale_tables()
    return scale_tables(count(Coder(network, tables, bytes(8))).counts) if count else tables


def _weights(module: torch.nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, parameter.detach()) for name, parameter in module.named_parameters()]


def _fill(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    own = dict(_weights(module))
    missing, unknown = own.keys() - tensors.keys(), tensors.keys() - own.keys()
    if missing or unknown:
        example = sorted(missing or unknown)[0]
        raise BenchError(
            f"{path}: does not fit the network: {len(missing)} tensors are missing and "
            f"{len(unknown)} are unknown, {example} for one"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            if tensor.shape != tensors[name].shape:
                raise BenchError(
                    f"{path}: {name} has shape {tuple(tensors[name].shape)}, "
                    f"the network needs {tuple(tensor.shape)}"
                )
            tensor.copy_(tensors[name])


def _decides_shared(key: str, name: str) -> bool:
    return key == "model" or name.startswith(_OF_SHARED)


def _decides_synthesis(_: str, name: str) -> bool:
    return not name.startswith(_OF_ENTROPY_MODELS)


def _check_structure(
    path: Path, meta: dict[str, str], wanted: dict[str, Any], decides: Callable[[str, str], bool]
) -> None:
    """`decides`: whether a number of `model`, or a module of `modules`, must be the same."""
    there = json.loads(meta.get("structure", "{}"))
    for key in ("model", "modules"):
        have, want = there.get(key) or {}, wanted.get(key) or {}
        differing = [name for name in {**want, **have} if have.get(name) != want.get(name)]
        if deciding := [name for name in differing if decides(key, name)]:
            name = deciding[0]  # in the order of the configuration: what follows from it comes later
            fits = f": {key}.{name}={json.dumps(have.get(name))} fits" if key == "model" else ""
            raise BenchError(
                f"{path}: weights of another structure: {key}.{name} is {have.get(name)} there "
                f"and {want.get(name)} in this configuration{fits}"
            )


def _write(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    _put(save_tensors({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata), path)


def _put(data: bytes, path: Path) -> None:
    try:
        replace_bytes(path, data)
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror or error})") from None
