"""Adapters (LoRA, DoRA) read from folders and the hub; `adapters` merges them into weights while these are loaded.

Files that peft writes (`adapter_config.json` beside `adapter_model.safetensors`, `train finetune`'s folder `adapter`
among them), and those of diffusers and kohya, which have no configuration beside them. The sum is made in float32,
before weights are cast:

* LoRA (Hu et al., arXiv 2106.09685): W + weight * alpha / r * B A, with sqrt(r) in the place of r for rsLoRA;
* DoRA (Liu et al., arXiv 2402.09353): every row of W + alpha / r * B A, brought to the length that its magnitude says.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, OutsideError, UsageError
from unispect.core.outside import parse_json
from unispect.models.checkpoint import located
from unispect.models.config_values import FLAG, TABLE, TEXT, Kind, real, several, short, whole
from unispect.models.decode.finite import all_finite
from unispect.models.json_file import read_json
from unispect.models.ledger import FileLedger
from unispect.models.named_adapters import Adapter
from unispect.models.shards import open_shard
from unispect.models.sniff import safetensors_header
from unispect.models.taught import TAUGHT, WEIGHTS, Taught, read_taught

CONFIG = "adapter_config.json"
_FILES = ("adapter_model.safetensors", "adapter_model.bin", "pytorch_lora_weights.safetensors")
"""Names of an adapter's file, best first; else the only file of safetensors in the folder."""
PEFT = "base_model.model."
"""How names begin in files of peft."""
_METADATA = "lora_adapter_metadata"
"""Entry of a file's header in which diffusers keeps configurations, behind the names of components."""
_PARTS = {
    **dict.fromkeys((".lora_A.weight", ".lora_down.weight", ".lora.down.weight"), "down"),
    **dict.fromkeys((".lora_B.weight", ".lora_up.weight", ".lora.up.weight"), "up"),
    **dict.fromkeys((".lora_magnitude_vector", ".lora_magnitude_vector.weight"), "magnitude"),
    ".lora_embedding_A": "embedding_down",
    ".lora_embedding_B": "embedding_up",
    ".alpha": "alpha",
}
"""How a name of a tensor ends -> what it is of a module's change."""
_LARGEST = 2**34
"""Numbers of one tensor's change; more than any published tensor has."""
LISTED = 8
"""Names in a message."""
_WHOLE_MODEL = "merge it with what trained it (peft: merge_and_unload) and save the whole model"

_NUMBER = real(-1e9, 1e9)
_KINDS: Mapping[str, Kind] = {
    "peft_type": TEXT,
    "r": whole(1, 2**20),
    "lora_alpha": _NUMBER,
    "use_dora": FLAG,
    "use_rslora": FLAG,
    "rank_pattern": TABLE,
    "alpha_pattern": TABLE,
    "base_model_name_or_path": TEXT,
    "target_modules": TEXT | several(TEXT, 10**6, least=0),
    "init_lora_weights": TEXT | FLAG,
}
_PLAIN_STARTS = (True, False, "gaussian", "eva", "orthogonal")
"""What adapters may start from: everything else changes the base too, and the difference is not in their file."""
_DECIDES_NOTHING = frozenset(
    (
        *("auto_mapping", "arrow_config", "bias", "corda_config", "ensure_weight_tying", "eva_config"),
        *("exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config"),
        *("lora_dropout", "lora_ga_config", "megatron_core", "modules_to_save", "peft_version"),
        *("qalora_group_size", "revision", "runtime_config", "task_type"),
    )
)
"""Keys of a configuration that decide nothing of what is merged: which tensors there are is read from the file."""


@dataclass(frozen=True)
class Change:
    """What an adapter does to one tensor, whose name in the adapter it stands under.

    Attributes:
        keys: of its tensors in the file.
        shape: of the tensor that it changes.
        replaces: a whole tensor, which is put in the place of the other one before anything is added.
        down: A of B A, [rank, in] or as a convolution's kernel.
        up: B of B A, [out, rank].
        scaling: of B A, the adapter's weight included.
        magnitude: of DoRA, [out].
        embedding: B A is transposed: A is [rank, tokens] and B [width, rank].
    """

    keys: tuple[str, ...]
    shape: tuple[int, ...]
    replaces: Tensor | None = None
    down: Tensor | None = None
    up: Tensor | None = None
    scaling: float = 1.0
    magnitude: Tensor | None = None
    embedding: bool = False

    @property
    def adds(self) -> bool:
        """It can stand beside others of its kind."""
        return self.replaces is None and self.magnitude is None

    def on(self, weight: Tensor) -> Tensor:
        """The changed tensor, in float32."""
        weight = weight.to("cpu", torch.float32)
        if self.replaces is not None:
            weight = self.replaces.float()
        if self.down is None or self.up is None:
            return weight
        down, up = self.down.float(), self.up.float()
        product = up.flatten(1) @ down.flatten(1)
        delta = (product.T if self.embedding else product).reshape(weight.shape) * self.scaling
        if self.magnitude is None:
            return weight + delta
        summed = weight + delta
        lengths = torch.linalg.norm(summed, dim=1)
        return (self.magnitude.float() / lengths).view(-1, 1) * summed


@dataclass(frozen=True)
class OpenAdapter:
    """An adapter that was read, and not yet held to a model.

    Attributes:
        named: how it was named.
        ledger: its files.
        path: that of its tensors.
        config: of peft, or empty.
        changes: name of a tensor, as the adapter has it -> what is done to it.
        rank: the largest.
        taught: what `train finetune` says of it.
    """

    named: Adapter
    ledger: FileLedger
    path: Path
    config: Mapping[str, Any]
    changes: Mapping[str, Change]
    rank: int
    taught: Taught | None = None

    @property
    def name(self) -> str:
        """Of its folder, or of the hub's repository, without where it lies."""
        home = next((parent.name for parent in self.path.parents if parent.name.startswith("models--")), "")
        return home.removeprefix("models--").replace("--", "/") or self.path.parent.resolve().name

    @property
    def words(self) -> str:
        """What it is, as the middle of a sentence."""
        dora = any(change.magnitude is not None for change in self.changes.values())
        count = sum(len(change.keys) for change in self.changes.values())
        what = f"{'DoRA' if dora else 'LoRA'} of rank {self.rank}" if self.rank else "whole tensors"
        said = self.config.get("base_model_name_or_path") or (self.taught.base if self.taught else "")
        trained = (
            f", trained on {said.rstrip('/').rpartition('/')[2] if said.startswith(('/', '.', '~')) else said}"
            if said
            else ""
        )
        return f"{self.name} ({what}, {count} tensors{trained}) with weight {self.named.weight!r}"

    @property
    def revision(self) -> str:
        """Its part of a model's revision: weight and files."""
        return f"adapter:{self.named.weight!r}*{self.ledger.revision().replace('+', ',')}"


def open_adapters(card: ModelCard, adapters: Iterable[Adapter], weights: str = "") -> tuple[OpenAdapter, ...]:
    """The adapters that were named, read and held to what they say of their base.

    Args:
        card: of the base.
        adapters: in the order in which they are merged.
        weights: folder or hub id that the base's come from, if they are not the card's own.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: files are missing, damaged or hold what cannot be merged, or say that they are of another
            model; names file and tensor.
    """
    names = {_last(one) for one in (card.hub, weights.partition("@")[0]) if one}
    return tuple(_opened(card, names, adapter) for adapter in adapters)


def _opened(card: ModelCard, names: Collection[str], named: Adapter) -> OpenAdapter:
    folder, path = _file_of(named)
    ledger = FileLedger(folder)
    config = _config(folder, card, names, ledger) if (folder / CONFIG).is_file() else {}
    tensors = _tensors(ledger.read(path))
    if not config and any(key.startswith(PEFT) for key in tensors):
        raise CheckpointError(
            f"{folder} lacks {CONFIG}, without which nobody knows by how much peft's tensors count; fetch it too"
        )
    settings = _settings(config, path)
    groups, rest = _grouped(tensors)
    strangers = [key for key in rest if ".lora" in key or "lora_" in key or not config or not key.startswith(PEFT)]
    if strangers:
        shown = ", ".join(map(repr, strangers[:LISTED]))
        raise CheckpointError(
            f"{path}: {len(strangers)} of {len(tensors)} tensors are none of LoRA's or DoRA's ({shown}); only "
            f"these can be merged here: {_WHOLE_MODEL}"
        )
    changes = {
        f"{module}.weight": _low_rank(path, module, parts, settings(module), named) for module, parts in groups.items()
    }
    for key in rest:
        name, tensor = key.replace(".base_layer.", "."), tensors[key]
        own = changes.get(name)
        if own and key != name and own.replaces is None and own.shape == tensor.shape:
            # Of a table that it adapts, peft saves the base's too, which may have been made longer.
            changes[name] = replace(own, keys=(*own.keys, key), replaces=tensor)
        elif own or named.weight != 1:
            why = "is there twice" if own else f"is a whole tensor, and has no weight {named.weight!r}"
            raise CheckpointError(f"{path}: {key!r} {why}; load it with weight 1, or {_WHOLE_MODEL}")
        else:
            changes[name] = Change((key,), tuple(tensor.shape), tensor)
    ranks = [min(change.down.shape[0], 2**20) for change in changes.values() if change.down is not None]
    told = told_in(folder)
    taught = read_taught(told) if told else None
    if told:
        ledger.read(told / TAUGHT)
    if taught and taught.model != card.id:
        raise CheckpointError(
            f"{path} was learned by {taught.model}, not by {card.id}; load it with --model {taught.model}"
        )
    return OpenAdapter(named, ledger, path, config, changes, max(ranks, default=0), taught)


def told_in(folder: Path) -> Path | None:
    """Where `train finetune` says what an adapter was taught: in its folder, or beside the weights it is part of."""
    if (folder / TAUGHT).is_file():
        return folder
    around = folder.resolve().parent
    is_part = folder.resolve().name == "adapter" and (around / TAUGHT).is_file() and (around / WEIGHTS).is_file()
    return around if is_part else None


def _file_of(named: Adapter) -> tuple[Path, Path]:
    """Folder and file of an adapter.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: the folder holds none, or several.
    """
    try:
        folder, name = located(named.place, None, _FILES)
    except UsageError as error:
        if Path(named.place).expanduser().exists():
            raise
        raise UsageError(
            f"no adapter {named.place!r}; give its folder or a hub id such as owner/name@revision, and a weight "
            "behind a colon"
        ) from error
    if name:
        return folder, folder / name
    usual = [folder / name for name in _FILES if (folder / name).is_file()]
    if len(usual) > 1:
        raise CheckpointError(f"{folder} holds {usual[0].name} and {usual[1].name}; name the file that is meant")
    others = usual or sorted(folder.glob("*.safetensors"))
    if len(others) != 1 or (not usual and others[0].name == WEIGHTS):
        held = "several files of weights" if len(others) > 1 else "no adapter"
        inner = f"; its folder adapter does: {folder / 'adapter'}" if (folder / "adapter" / CONFIG).is_file() else ""
        raise CheckpointError(f"{folder} holds {held} ({_FILES[0]} with {CONFIG} is expected){inner}")
    return folder, others[0]


def _config(folder: Path, card: ModelCard, names: Collection[str], ledger: FileLedger) -> Mapping[str, Any]:
    """The configuration of peft.

    Raises:
        CheckpointError: a setting is none, or of another kind of adapter, or names another base.
    """
    path = ledger.read(folder / CONFIG)
    config = {key: value for key, value in read_json(path).items() if value is not None}
    for key, kind in _KINDS.items():
        if key in config and not kind.fits(config[key]):
            raise CheckpointError(f"{path}: {key} is {short(config[key])}, but must be {kind.words}; fetch it again")
    kind = config.get("peft_type", "")
    if kind != "LORA":
        raise CheckpointError(
            f"{path}: peft_type is {kind!r}; only LORA (LoRA and DoRA) can be merged here: {_WHOLE_MODEL}"
        )
    start = config.get("init_lora_weights", True)
    if start not in _PLAIN_STARTS:
        raise CheckpointError(
            f"{path}: init_lora_weights is {short(start)}, which changed the base's weights too: save it as a plain "
            "adapter (peft: save_pretrained with path_initial_model_for_weight_conversion)"
        )
    read = _KINDS.keys() | _DECIDES_NOTHING
    strange = next((key for key, value in config.items() if key not in read and value), None)
    if strange:
        raise CheckpointError(
            f"{path}: {strange} is {short(config[strange])}, which cannot be merged here: {_WHOLE_MODEL}; "
            "if it decides nothing, take it out of the file"
        )
    for key in ("r", "lora_alpha"):
        if key not in config:
            raise CheckpointError(f"{path} does not say {key!r}; fetch the adapter again")
    _require_named_base(config.get("base_model_name_or_path", ""), card, names, path)
    return config


def _last(place: str) -> str:
    return re.split(r"[/\\]", place.rstrip("/\\"))[-1].lower()


def _require_named_base(said: str, card: ModelCard, names: Collection[str], path: Path) -> None:
    """The base that a configuration names may be this model; of a folder only the last part of its name tells."""
    from unispect.models.registry import cards

    if not said or _last(said) in names:
        return
    on_hub = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", said) and not Path(said).exists()
    if on_hub or any(_last(said) == _last(one.hub) for one in cards().values() if one.hub):
        raise CheckpointError(
            f"{path}: base_model_name_or_path is {short(said)}, which is not {card.id} ({card.hub or 'no hub'}); "
            "name the model it was trained on; if that is a copy of these weights, take the line out of the file"
        )


def _settings(config: Mapping[str, Any], path: Path) -> Callable[[str], Mapping[str, Any]]:
    """Gives the configuration of a module: rank, alpha, and how they count; empty values where nothing says them."""
    own = {"": config} if config else _embedded(path)
    patterns = {
        start: {key: _patterns(one, key, path) for key in ("rank_pattern", "alpha_pattern")}
        for start, one in own.items()
    }

    def of(module: str) -> Mapping[str, Any]:
        start = "" if "" in own else module.partition(".")[0]
        if start not in own:
            return {}
        inner = module.removeprefix(PEFT) if start == "" else module.removeprefix(f"{start}.")
        found = dict(own[start])
        for key, plain in (("rank_pattern", "r"), ("alpha_pattern", "lora_alpha")):
            # As peft does: the first that fits the end of the name, from a dot on.
            fitting = (value for pattern, value in patterns[start][key] if pattern.fullmatch(inner))
            found[plain] = next(fitting, found.get(plain))
        return found

    return of


def _patterns(config: Mapping[str, Any], key: str, path: Path) -> list[tuple[re.Pattern[str], float]]:
    kind = whole(1, 2**20) if key == "rank_pattern" else _NUMBER
    found = []
    for text, value in (config.get(key) or {}).items():
        # Nothing that can take longer than its length, several times over, on a name.
        costly = len(text) > 200 or re.search(r"\)[*+?{]|\\\d", text) or len(re.findall(r"[*+{]", text)) > 3
        try:
            compiled = None if costly else re.compile(rf"(?:.*\.)?(?:{text})")
        except re.error:
            compiled = None
        if compiled is None or not kind.fits(value):
            raise CheckpointError(
                f"{path}: {key} says {short(value)} for {short(text)}, which cannot be read; correct it"
            )
        found.append((compiled, value))
    return found


def _embedded(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Component -> what the header of a file of diffusers says of it.

    Raises:
        CheckpointError: it says something else than settings of LoRA.
    """
    header = safetensors_header(path) if path.suffix == ".safetensors" else None
    text = ((header[1].get("__metadata__") or {}) if header else {}).get(_METADATA)
    if text is None:
        return {}
    try:
        said = parse_json(text, f"{path}: {_METADATA}", once=True)
    except OutsideError as error:
        raise CheckpointError(f"{error}; fetch the adapter again") from error
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in said.items() if isinstance(said, dict) else ():
        component, _, key = name.partition(".")
        if value is not None:
            found[component][key] = value
    for component, config in found.items():
        for key, value in config.items():
            kind = _KINDS.get(key)
            if (kind and not kind.fits(value)) or (not kind and value and key not in _DECIDES_NOTHING):
                raise CheckpointError(
                    f"{path}: {_METADATA} says {component}.{key} is {short(value)}, which cannot be read"
                )
        if config.get("init_lora_weights", True) not in _PLAIN_STARTS:
            raise CheckpointError(
                f"{path}: {_METADATA} says that {component}'s base was changed too; save a plain adapter"
            )
    return found


def _tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, which must be floats and finite."""
    shard = open_shard(path)
    found = {}
    for key in shard.shapes():
        tensor = shard.read(key)
        if not tensor.is_floating_point() or tensor.element_size() < 2:
            if not (key.endswith(".alpha") and tensor.numel() == 1):
                raise CheckpointError(
                    f"{path}: {key!r} is {tensor.dtype}; only floats of 16 bits or more can be merged"
                )
            tensor = tensor.float()
        if not all_finite(tensor):
            raise CheckpointError(
                f"{path}: {key!r} holds numbers that are not finite; take an earlier adapter of that training"
            )
        found[key] = tensor
    if not found:
        raise CheckpointError(f"{path} holds no tensors; fetch the adapter again")
    return found


def _grouped(tensors: Mapping[str, Tensor]) -> tuple[Mapping[str, Mapping[str, tuple[str, Tensor]]], list[str]]:
    """Module -> part -> key and tensor; and the keys of what is no part of a low-rank change."""
    groups: dict[str, dict[str, tuple[str, Tensor]]] = defaultdict(dict)
    rest = []
    for key, tensor in tensors.items():
        end = next((end for end in _PARTS if key.endswith(end)), None)
        module = key.removesuffix(end) if end else ""
        if not end or not module or _PARTS[end] in groups[module]:
            rest.append(key)
        else:
            groups[module][_PARTS[end]] = key, tensor
    return {module: parts for module, parts in groups.items() if parts}, rest


def _low_rank(
    path: Path, module: str, parts: Mapping[str, tuple[str, Tensor]], config: Mapping[str, Any], named: Adapter
) -> Change:
    """The change of a module's weight.

    Raises:
        CheckpointError: a part is missing, or parts do not fit each other or the configuration.
    """
    embedding = "embedding_down" in parts or "embedding_up" in parts
    start = "embedding_" if embedding else ""
    keys = tuple(key for key, _ in parts.values())
    needed = {f"{start}down", f"{start}up", *(("magnitude",) if config.get("use_dora") else ())}
    if not needed <= parts.keys() <= needed | {"alpha"}:
        what = sorted(needed ^ (parts.keys() - {"alpha"}))[0].replace("_", " ")
        lacks = "lacks" if needed - parts.keys() else "has, against its configuration,"
        raise CheckpointError(
            f"{path}: {module!r} {lacks} the part {what!r} of its change (it has {', '.join(map(repr, keys))}); the "
            "adapter is not whole: fetch it again"
        )
    down, up = parts[f"{start}down"][1], parts[f"{start}up"][1]
    rank = down.shape[0] if down.ndim else 0
    fits = (
        down.ndim == up.ndim and down.ndim in (2, 4) and up.shape[1] == rank and rank and math.prod(up.shape[2:]) == 1
    )
    if not fits or up.shape[0] * (down.numel() // rank) > _LARGEST:
        raise CheckpointError(
            f"{path}: {keys[0]!r} of shape {list(down.shape)} and {list(up.shape)} beside it make no low-rank change; "
            "fetch the adapter again"
        )
    if config and config.get("r") not in (None, rank):
        raise CheckpointError(
            f"{path}: {keys[0]!r} has rank {rank}, but the configuration says {config['r']}; "
            "they belong to different adapters"
        )
    magnitude = parts["magnitude"][1] if "magnitude" in parts else None
    if magnitude is not None and (embedding or down.ndim > 2 or tuple(magnitude.shape) != (up.shape[0],)):
        raise CheckpointError(
            f"{path}: {parts['magnitude'][0]!r} are magnitudes of something else than rows of a linear map, "
            f"which cannot be merged here: {_WHOLE_MODEL}"
        )
    if magnitude is not None and named.weight != 1:
        raise CheckpointError(
            f"{path} holds DoRA's magnitudes, which say how long rows are and have no weight {named.weight!r}; "
            "load it with 1"
        )
    alpha = config.get("lora_alpha")
    if "alpha" in parts:
        if parts["alpha"][1].numel() != 1 or alpha is not None:
            raise CheckpointError(
                f"{path}: {parts['alpha'][0]!r} is no single number, or the file says it twice; fetch it again"
            )
        alpha = float(parts["alpha"][1])
    # Where neither configuration nor file says one, alpha is the rank: so say diffusers and kohya of such files.
    scaling = 1.0 if alpha is None else alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    shape = (down.shape[1], up.shape[0]) if embedding else (up.shape[0], *down.shape[1:])
    return Change(keys, tuple(shape), None, down, up, scaling * named.weight, magnitude, embedding)
