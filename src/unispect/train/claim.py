"""What a training is, so that a folder is continued by the same one only: its recipe and data, not where they lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unispect.core.errors import DataError
from unispect.core.paths import path_named
from unispect.core.units import JSON, digest
from unispect.data.captions import load_captions
from unispect.data.faces.photographs import load_photographs
from unispect.data.safety.lessons import read_prompts
from unispect.train.recipe import CAPTIONS, PHOTOGRAPHS, WORLD, Recipe

_CONTENT, _ADAPTERS = "content", "adapters"
"""Entries that older claims lack; the second is only there where adapters are."""


def claim_of(model: str, recipe: Recipe, adapters: Sequence[str] = ()) -> dict[str, Any]:
    """The facts of a training, as JSON: model, adapters if any, recipe, and digests of the data it names by a place."""
    merged = {_ADAPTERS: list(adapters)} if adapters else {}
    facts = {
        "model": model,
        **merged,
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        _CONTENT: _content(recipe),
    }
    return json.loads(json.dumps(facts))


def difference(found: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """What two claims differ in ("model", "set of adapters", "recipe"); empty if they are of one training.

    Places may differ where what lies there is known to be the same.
    """
    if found.get("model") != own["model"]:
        return "model"
    if found.get(_ADAPTERS, []) != own.get(_ADAPTERS, []):
        return "set of adapters"
    if found.get("recipe") == own["recipe"]:
        return ""
    there, here = found.get(_CONTENT, {}), own[_CONTENT]
    same = here and there == here and _apart_from_places(found.get("recipe")) == _apart_from_places(own["recipe"])
    return "" if same else "recipe"


def _apart_from_places(recipe: Any) -> Any:
    if not isinstance(recipe, dict):
        return recipe
    blank = {"auxiliary": {"source": ""}, "align": {"refusals": "", "affirmations": ""}}
    parts = {name: {**recipe[name], **sources} for name, sources in blank.items() if isinstance(recipe.get(name), dict)}
    return {**recipe, **parts, "data": str(recipe.get("data", "")).partition(":")[0]}


def _content(recipe: Recipe) -> dict[str, str]:
    """Digests of the files that a recipe names by a place; none if they cannot be read."""
    beside, align = recipe.auxiliary, recipe.align
    named = {
        "data": recipe.data,
        "auxiliary": f"{CAPTIONS}{beside.source}" if beside and beside.source not in ("", WORLD) else "",
        "refusals": align.refusals if align else WORLD,
        "affirmations": align.affirmations if align else WORLD,
    }
    try:
        return {what: digest(listed) for what, source in named.items() if (listed := _listed(what, source))}
    except DataError:  # said where it is needed
        return {}


def _listed(what: str, source: str) -> list[JSON]:
    """Names, sizes and captions: pictures themselves would have to be read whole, of which there may be very many."""
    if source.startswith(PHOTOGRAPHS):
        people = load_photographs(path_named(source.removeprefix(PHOTOGRAPHS)))
        return [[one.id, one.name, dict(one.face.values), _size(one.path)] for one in people]
    if source.startswith(CAPTIONS) and source != CAPTIONS:
        captions = load_captions(source.removeprefix(CAPTIONS))
        return [[one.path.name, one.caption, list(one.box or ()), _size(one.path)] for one in captions]
    return list(read_prompts(source)) if what in ("refusals", "affirmations") and source != WORLD else []


def _size(path: Path) -> int:
    return path.stat().st_size
