"""Every model by its name: one dict, plus the organisms that ship with the package and models of third parties.

A third party adds a model through the entry-point group `unispect.models`: the entry's name is the model's, and it
points to an `Entry`. Nothing here imports torch before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unispect.core import extras
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError, unknown
from unispect.models.named_adapters import Adapter, parse_adapters
from unispect.models.settings import SIGN

if TYPE_CHECKING:
    from unispect.models.adapter_files import OpenAdapter
    from unispect.models.base import UnifiedModel
    from unispect.models.loading import Family

GROUP = "unispect.models"
_ORGANISMS = "unispect.organisms.shipped"
_FAMILIES = ("janus_pro", "janus_flow", "harmon", "show_o", "show_o2", "bagel", "omnigen2", "cosmos3", "emu3")
"""Packages with `CARDS` in their `card` and `load(card, weights, *, device, dtype)` in their `folder`."""


@dataclass(frozen=True)
class Entry:
    """A model that can be loaded.

    Attributes:
        card: what is known about it.
        load: `load(card, weights, *, device, dtype) -> UnifiedModel`, or its import path `module:function`; `weights`
            is a folder, a hub id, or empty for the card's own, and `device` may name several, with commas between.
    """

    card: ModelCard
    load: str | Callable[..., UnifiedModel]


@dataclass(frozen=True)
class ModelReference:
    """What `name=folder-or-hub-id@revision` says; `weights` is empty for the model's own.

    `name=folder/file` and `name=owner/name/file@revision` say which of several sets of weights there are meant.
    `adapters` are merged into these while they are loaded.
    """

    name: str
    weights: str = ""
    adapters: tuple[Adapter, ...] = ()


def parse(text: str) -> ModelReference:
    """The parts of `name` or `name=folder-or-hub-id@revision`; a model behind an API is all name.

    Raises:
        UsageError: nothing stands before or after the equals sign.
    """
    if is_remote(text):
        return ModelReference(text.strip())
    name, equals, weights = text.partition("=")
    if not name.strip() or (equals and not weights.strip()):
        raise UsageError(f"cannot read the model {text!r}; write name, name=FOLDER or name=owner/name@revision")
    return ModelReference(name.strip(), weights.strip())


def is_remote(text: str) -> bool:
    """It is meant as a model behind an API, `PROVIDER:MODEL` (see `unispect.models.remote.names`)."""
    if ":" not in text.partition("=")[0]:
        return False
    from unispect.chat.named import is_named

    return is_named(text)


def chosen(texts: Iterable[str]) -> list[ModelReference]:
    """The models that were named, each once: `parse` of every text, or every model whose name fits a pattern.

    Patterns hold `*`, `?` or `[...]`, as in file names: `tiny-*-bound`.

    Raises:
        UsageError: a text cannot be read, or no model fits a pattern.
    """
    found: dict[ModelReference, None] = {}
    for text in texts:
        if "=" not in text and not is_remote(text) and any(sign in text for sign in "*?["):
            fitting = [name for name in cards() if fnmatchcase(name, text)]
            if not fitting:
                raise UsageError(f"no model fits {text!r}; see: unispect models")
            found |= dict.fromkeys(ModelReference(name) for name in fitting)
        else:
            found[parse(text)] = None
    return list(found)


def cards() -> dict[str, ModelCard]:
    """The card of every model that can be named, in the order they are listed to users."""
    return {**_organism_cards(), **{name: entry.card for name, entry in _entries().items()}}


def card_of(name: str) -> ModelCard:
    """The card of one model.

    Raises:
        UsageError: there is no model of that name; suggests the nearest.
    """
    if is_remote(name):
        from unispect.models.remote.names import card_for

        return card_for(name)
    known = cards()
    if name not in known:
        raise unknown("model", name, known)
    return known[name]


def completed(card: ModelCard) -> ModelCard:
    """A card out of a run folder, with what cards did not tell when it was written.

    That is how pictures are generated, which is one in a family, and what the model was grown or trained further from,
    which is told of models that are known here by their name.
    """
    known = cards()
    own = known.get(card.id.partition(SIGN)[0])
    family = own or next((one for one in known.values() if one.family == card.family), card)
    return replace(
        card,
        generation=card.generation or family.generation,
        backbone=card.backbone or (own.backbone if own else ""),
        tuned_from=card.tuned_from or (own.tuned_from if own else ""),
        tuned_by=card.tuned_by or (own.tuned_by if own else ""),
    )


@extras.told()
def load(
    name: str,
    weights: str | Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    *,
    adapters: Iterable[str | Path | Adapter] = (),
) -> UnifiedModel:
    """The model of that name, ready to use.

    Args:
        name: as listed by `cards`, or `name=folder-or-hub-id@revision`; or a model behind an API, which is then asked
            without a limit and keeps nothing (see `unispect.models.remote.loading.load`).
        weights: folder or hub id to take the weights from, or one of their weight files where they hold several sets
            that differ; default: the model's own.
        device: "auto", "cpu", "cuda" or "cuda:N"; or several, to spread a model that one does not hold:
            "cuda:0,cuda:1".
        dtype: "float32", "bfloat16" or "auto": bfloat16, but on the CPU float32 unless the weights are stored in
            bfloat16 and the processor computes in it.
        adapters: folders or hub ids of adapters, each with `:WEIGHT` behind it where that is not 1, which are merged
            into the weights (docs/weights.md says which kinds).

    Raises:
        UsageError: unknown model, device or dtype, or no such folder.
        CheckpointError: the weights or an adapter cannot be loaded as this model's.
        MissingExtra: packages that it needs are not installed; says how to get them.
    """
    reference = parse(name)
    if weights and reference.weights:
        raise UsageError(f"weights are given twice: in {name!r} and as {str(weights)!r}")
    source = str(weights or reference.weights)
    if is_remote(reference.name):
        from unispect.models.remote.loading import load as load_remote

        if source:
            raise UsageError(f"{reference.name} is behind an API; it takes no weights")
        if adapters:
            raise UsageError(f"{reference.name} is behind an API; it takes no adapters")
        return load_remote(reference.name)
    opened = opened_adapters(replace(reference, weights=source, adapters=parse_adapters(adapters)))
    model = _load(reference.name, source, device, dtype, opened)
    if source and Path(source).expanduser().exists():
        from unispect.models.checkpoint import located
        from unispect.models.taught import speaks_of, with_taught

        folder, file = located(source)
        if speaks_of(file):
            model.card = with_taught(model.card, folder)
    if opened:
        from unispect.models.adapters import with_adapters

        model.card = with_adapters(model.card, opened)
    return model


def opened_adapters(model: ModelReference) -> tuple[OpenAdapter, ...]:
    """A model's adapters, read and held to what they say of their base.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: files are missing, damaged or hold what cannot be merged, or are of another model.
    """
    if not model.adapters:
        return ()
    from unispect.models.adapter_files import open_adapters

    return open_adapters(card_of(model.name), model.adapters, model.weights)


def files_of(name: str) -> Path:
    """The folder with the files around a model's weights (sizes, tokenizer), which a hub's are fetched into.

    Raises:
        UsageError: unknown model, or no such folder.
        CheckpointError: the hub does not give the files.
    """
    reference = parse(name)
    card = card_of(reference.name)
    if reference.name in _organism_cards() and not reference.weights:
        return _function(f"{_ORGANISMS}:folder_of")(card)
    from unispect.models.checkpoint import texts_of

    return texts_of(reference.weights or card.hub)


def family_of(card: ModelCard) -> Family[Any]:
    """How the models of a card's family are loaded and saved: `FAMILY` of the module that its `load` stands in.

    Raises:
        UsageError: that module, another package's, has none, so weights cannot be written here.
    """
    from unispect.models.loading import Family

    for entry in _entries().values():
        if entry.card.family == card.family:
            load = entry.load
            module = load if isinstance(load, str) else load.__module__
            own = getattr(import_module(module.partition(":")[0]), "FAMILY", None)
            family = getattr(load, "__self__", own)
            if isinstance(family, Family):
                return family
    raise UsageError(f"{card.id} comes from another package, which does not say how its weights are written")


def _load(name: str, source: str, device: str, dtype: str, adapters: Sequence[OpenAdapter]) -> UnifiedModel:
    card = card_of(name)
    if name in _organism_cards():
        return _load_organism(card, source, device, dtype, adapters)
    entry = _entries()[name]
    loader = _function(entry.load) if isinstance(entry.load, str) else entry.load
    if not adapters:
        return loader(card, source, device=device, dtype=dtype)
    if "adapters" not in signature(loader).parameters:
        raise UsageError(f"{name} comes from another package, whose way of loading takes no adapters")
    return loader(card, source, device=device, dtype=dtype, adapters=adapters)


def _load_organism(
    card: ModelCard, source: str, device: str, dtype: str, adapters: Sequence[OpenAdapter]
) -> UnifiedModel:
    """The shipped one, or one from a folder as training leaves it."""
    if not source:
        return _function(f"{_ORGANISMS}:load")(card.id, device=device, dtype=dtype, adapters=adapters)
    path = Path(source).expanduser()
    if not path.exists():
        raise UsageError(f"no folder {source!r}; organisms come from folders that training left")
    return _function(f"{_ORGANISMS}:load_from")(path, card, device=device, dtype=dtype, adapters=adapters)


@cache
def _entries() -> Mapping[str, Entry]:
    published = {
        name: Entry(card, f"{__package__}.{family}.folder:load")
        for family in _FAMILIES
        for name, card in import_module(f"{__package__}.{family}.card").CARDS.items()
    }
    return {**published, **{point.name: point.load() for point in entry_points(group=GROUP)}}


@cache
def _organism_cards() -> Mapping[str, ModelCard]:
    if find_spec(_ORGANISMS) is None:
        return {}
    return _function(f"{_ORGANISMS}:cards")()


def _function(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
