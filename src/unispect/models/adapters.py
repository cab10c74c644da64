"""Where adapters land in a model, and what its card says then; `adapter_files` reads them.

An adapter may have been trained on the authors' names or on ours: it lands where all of its tensors do, or nothing is
loaded. What it changes is changed in float32, before weights are cast (`keys.fill`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.adapter_files import CONFIG, LISTED, PEFT, Change, OpenAdapter, told_in
from unispect.models.checkpoint import Checkpoint
from unispect.models.keys import Amendments, KeyTable, names_of, target_of
from unispect.models.ledger import labels_of
from unispect.models.taught import merge_taught, with_taught
from unispect.models.wrappers import without_inner_wrappers

_COMPONENTS = ("transformer.", "unet.")
"""How diffusers begins names of what draws."""
_KOHYA = ("lora_unet_", "lora_transformer_")
"""How kohya begins them, with underscores in the place of dots."""


def with_adapters(card: ModelCard, adapters: Sequence[OpenAdapter]) -> ModelCard:
    """The card of weights that adapters were merged into: revision, files, notes, and what they taught."""
    own = card
    for adapter in adapters:
        if adapter.taught:
            taught = with_taught(card, told_in(adapter.path.parent) or adapter.path.parent)
            notes = (*own.notes, adapter.taught.note) if adapter.taught.note else own.notes
            merged = {
                "taught": merge_taught(own.taught, taught.taught),
                "expressions": merge_taught(own.expressions, taught.expressions),
                "binding": "; ".join(filter(None, (own.binding, taught.binding))),
                "bound_steps": own.bound_steps + taught.bound_steps,
                "aligned": taught.aligned or own.aligned,
            }
            own = replace(own, training_seed=taught.training_seed, planted="", notes=notes, **merged)
    words = tuple(adapter.words for adapter in adapters)
    return replace(
        own.at("+".join([card.revision, *(adapter.revision for adapter in adapters)])),
        files=(*own.files, *_labels(adapters)),
        notes=(*own.notes, *(f"Adapter {one} was merged into the weights." for one in words)),
        adapters=words,
    )


def amendments(
    adapters: Sequence[OpenAdapter],
    card: ModelCard,
    checkpoint: Checkpoint,
    table: KeyTable,
    network: nn.Module,
) -> Amendments:
    """What adapters change, under published names or ours, whichever each was trained on.

    Args:
        adapters: in the order in which they are merged.
        card: of the base, with its revision.
        checkpoint: of the base.
        table: published names -> ours.
        network: of the base, with or without numbers.

    Raises:
        CheckpointError: an adapter has a tensor that lands nowhere, or of another shape, or lacks one; or it was
            trained on another base. Names file and tensors.
    """
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = {key: shape for key, shape in checkpoint.shapes().items() if _lands(table, key, ours)}
    holders: dict[tuple[str, str], list[tuple[OpenAdapter, Change]]] = defaultdict(list)
    for adapter in adapters:
        _require_base(adapter, card)
        for space, name, change in _landed(adapter, card, theirs, ours):
            holders[space, name].append((adapter, change))
    _require_apart(holders, table)
    found: dict[str, dict[str, Callable[[Tensor], Tensor]]] = {"published": {}, "ours": {}}
    for (space, name), own in holders.items():
        found[space][name] = _in_turn([change for _, change in own])
    return Amendments(found["published"], found["ours"])


def _in_turn(changes: Sequence[Change]) -> Callable[[Tensor], Tensor]:
    def changed(weight: Tensor) -> Tensor:
        for change in changes:
            weight = change.on(weight)
        return weight

    return changed


def _require_apart(holders: Mapping[tuple[str, str], Sequence[tuple[OpenAdapter, Change]]], table: KeyTable) -> None:
    """Several may add to one tensor; what replaces it, or says how long its rows are, must be alone with it."""
    by_ours: dict[str, list[tuple[OpenAdapter, Change]]] = defaultdict(list)
    for (space, name), own in holders.items():
        for target in names_of(target_of(table, name)) if space == "published" else (name,):
            by_ours[target] += own
    for own in by_ours.values():
        if len(own) > 1 and not all(change.adds for _, change in own):
            (one, change), (other, _) = own[:2]
            raise CheckpointError(
                f"{other.path} and {one.path} both change what {change.keys[0]!r} changes, and one of them replaces it "
                "or holds DoRA's magnitudes, which cannot be summed; load them apart"
            )


def _lands(table: KeyTable, key: str, ours: Mapping[str, tuple[int, ...]]) -> bool:
    try:
        names = names_of(target_of(table, key))
    except KeyError:
        return False
    return bool(names) and all(name in ours for name in names)


def _landed(
    adapter: OpenAdapter, card: ModelCard, theirs: Mapping[str, tuple[int, ...]], ours: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, str, Change]]:
    """Every change with the name that it lands on, and whose name that is ("published" or "ours").

    Raises:
        CheckpointError: one does not, or its shape is another, or some are missing.
    """
    tried = [
        (space, {name: _named(name, start, known) for name in adapter.changes}, known)
        for space, known in (("published", theirs), ("ours", ours))
        for start in _starts(adapter)
    ]
    whole = [(space, found, known) for space, found, known in tried if all(found.values())]
    if not whole:
        space, found, known = max(tried, key=lambda one: sum(map(bool, one[1].values())))
        raise CheckpointError(_homeless(adapter, card, [name for name in found if not found[name]], (theirs, ours)))
    fitting = [one for one in whole if not _misfits(adapter, one[1], one[2])]
    if not fitting:
        name, key, shape = _misfits(adapter, whole[0][1], whole[0][2])[0]
        change = adapter.changes[name]
        raise CheckpointError(
            f"{adapter.path}: {change.keys[0]!r} changes a tensor of shape {list(change.shape)}, but {key!r} of "
            f"{card.id} has {list(shape)}: the adapter was trained on another model; name the one it was trained on"
        )
    space, found, known = fitting[0]
    _require_whole(adapter, {key: name for name, key in found.items() if key}, known)
    yield from ((space, key, adapter.changes[name]) for name, key in found.items() if key)


def _starts(adapter: OpenAdapter) -> tuple[str, ...]:
    """What is taken off names before they are looked for, one after the other."""
    if adapter.config:
        return (PEFT,)
    return next(((start,) for start in _KOHYA if all(n.startswith(start) for n in adapter.changes)), ("", *_COMPONENTS))


def _named(name: str, start: str, known: Mapping[str, tuple[int, ...]]) -> str | None:
    """The one of the known names that an adapter's name means; None for none or several."""
    if start and not name.startswith(start):
        return None
    inner = without_inner_wrappers(name.removeprefix(start))
    if start in _KOHYA:
        found = [key for key in known if key.endswith(".weight") and _flat(key) == inner.removesuffix(".weight")]
        return found[0] if len(found) == 1 else None
    return inner if inner in known else None


def _flat(key: str) -> str:
    return key.removesuffix(".weight").replace(".", "_")


def _misfits(
    adapter: OpenAdapter, found: Mapping[str, str | None], known: Mapping[str, tuple[int, ...]]
) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(name, key, known[key]) for name, key in found.items() if key and known[key] != adapter.changes[name].shape]


def _homeless(
    adapter: OpenAdapter,
    card: ModelCard,
    names: Sequence[str],
    spaces: Sequence[Mapping[str, tuple[int, ...]]],
) -> str:
    """What is said of tensors that land nowhere, and why that may be."""
    keys = [key for name in names for key in adapter.changes[name].keys]
    shown = ", ".join(map(repr, keys[:LISTED])) + (f" and {len(keys) - LISTED} more" if len(keys) > LISTED else "")
    every = sum(len(change.keys) for change in adapter.changes.values())
    why = "it was trained on another model, or on a part of this one: name the model it was trained on"
    cut = [without_inner_wrappers(name.removeprefix(PEFT)) for name in adapter.changes]
    for known in spaces:
        first = (key.removesuffix(cut[0]) for key in known if key.endswith(f".{cut[0]}"))
        start = next((start for start in first if all(start + name in known for name in cut)), None)
        if start and len(names) == len(adapter.changes):
            why = (
                f"all of them would land behind {start!r}, so it was trained on the bare part of that name: put it in "
                "front of the names of its tensors (behind 'base_model.model.', where they have that)"
            )
            break
    return f"{adapter.path}: {len(keys)} of {every} tensors land nowhere in {card.id} ({shown}); {why}"


def _require_whole(adapter: OpenAdapter, landed: Mapping[str, str], known: Mapping[str, tuple[int, ...]]) -> None:
    """What the configuration adapts, of layers that differ by number only, must be there for all of them.

    Raises:
        CheckpointError: names a module that has no tensors.
    """
    targets = adapter.config.get("target_modules")
    chosen = any(adapter.config.get(key) for key in ("layers_to_transform", "layers_pattern", "exclude_modules"))
    if not isinstance(targets, list) or chosen:
        return
    ends = tuple(f".{target}.weight" for target in targets)
    kinds = {_kind(key) for key in landed}
    lost = (
        [key for key in known if f".{key}".endswith(ends) and _kind(key) in kinds and key not in landed] if ends else []
    )
    if lost:
        more = f" (and {len(lost) - 1} others)" if len(lost) > 1 else ""
        raise CheckpointError(
            f"{adapter.path} holds nothing for {lost[0].removesuffix('.weight')!r}{more}, which its {CONFIG} adapts: "
            "it is not whole; fetch it again, or say in layers_to_transform which layers it has"
        )


def _kind(key: str) -> str:
    return re.sub(r"\d+", "{}", key)


def _require_base(adapter: OpenAdapter, card: ModelCard) -> None:
    """What `train finetune` says of the base must be true, as far as it can be told.

    Raises:
        CheckpointError: the weights are others.
    """
    base = adapter.taught.base if adapter.taught else ""
    there, here = base.partition("@")[2], card.revision
    if there == here or not there or ("sha256:" in there) != ("sha256:" in here):
        return  # the same files go by a commit on the hub and by their content elsewhere
    raise CheckpointError(
        f"{adapter.path} was learned by {base}, and these weights are {card.reference}: name those it was learned by, "
        "or the folder around the adapter, which holds both"
    )


def _labels(adapters: Sequence[OpenAdapter]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for number, adapter in enumerate(adapters, 1):
        found += [(f"adapter {number}: {adapter.name}/{name}", digest) for name, digest in labels_of([adapter.ledger])]
    return tuple(found)
