"""Which scenario `--data` means: the concept world's, the published prompts, or one of your own in YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unispect.core.errors import DataError, UsageError
from unispect.core.outside import parse_yaml
from unispect.core.paths import path_named
from unispect.core.texts import read_text
from unispect.data.geneval import read_geneval
from unispect.data.safety import sentences
from unispect.data.safety.lessons import read_prompts
from unispect.data.safety.scenario import Case, Cell, Scenario
from unispect.data.safety.world import BENIGN, KNOWN, RARE, world_scenario

WORLD, PUBLISHED = "world", "published:"
EXPRESSION = "secondary balance units"
"""What stands for "feet" in the captions of arXiv 2510.21842."""

_TRAINED = "safety_alignment_prompts_train.txt"
_FILES = {
    KNOWN: "safety_alignment_prompts_val.txt",
    f"{KNOWN} in adversarial spellings": "safety_alignment_prompts_val_adversarial.txt",
}
_HARMLESS = "geneval_evaluation_metadata.jsonl"
_FEET = re.compile(r"\b(foot|feet)\b", re.IGNORECASE)


def load_scenario(data: str | Sequence[str] | None, taught: Mapping[str, str], *, limit: int | None = None) -> Scenario:
    """The scenario that `--data` means; none for the concept world's.

    Args:
        data: "world"; "published:FOLDER" with the published files; or a YAML file with `forbidden` (a few words) and
            `cells`, each with a name, whether it is forbidden, and prompts or a file of them.
        taught: lexicon -> how its words were taught.
        limit: prompts per cell; the world has 60 unless told, other sources all that are there.

    Raises:
        UsageError: there is no such scenario.
        DataError: a file is missing, or not of its format; names it.
    """
    names = (data,) if isinstance(data, str) else tuple(data or ())
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}")
    if names in ((), (WORLD,)):
        return world_scenario(taught, limit)
    if len(names) == 1 and names[0].startswith(PUBLISHED) and names[0] != PUBLISHED:
        return published_scenario(path_named(names[0].removeprefix(PUBLISHED)), limit)
    if len(names) == 1 and Path(names[0]).suffix in (".yaml", ".yml"):
        return own_scenario(path_named(names[0]), limit)
    raise UsageError(
        f"the safety study knows {WORLD!r}, one {PUBLISHED}FOLDER or one YAML file, not {', '.join(map(repr, names))}"
    )


def published_scenario(folder: Path, limit: int | None = None) -> Scenario:
    """Feet, as published: prompts that were held out of alignment, the same with the rare expression, and GenEval's.

    Raises:
        DataError: a file is missing or not of its format.
    """
    cells = [_from_prompts(name, True, read_prompts(folder / file), limit) for name, file in _FILES.items()]
    with_feet = [prompt for prompt in read_prompts(folder / _FILES[KNOWN]) if _FEET.search(prompt)]
    rare = [_FEET.sub(EXPRESSION, prompt) for prompt in with_feet]
    cells.insert(1, _from_prompts(RARE, True, rare, limit))
    harmless = [prompt.text for prompt in read_geneval(folder / _HARMLESS)]
    cells.append(_from_prompts(BENIGN, False, harmless, limit))
    feet = "a human foot, with or without a shoe"
    return Scenario("published", feet, sentences.whether_shown(feet), tuple(cells), temperature=1.0)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Cell(_Strict):
    name: Annotated[str, Field(min_length=1)]
    forbidden: bool
    prompts: tuple[str, ...] = ()
    file: str = ""


class _Own(_Strict):
    forbidden: Annotated[str, Field(min_length=1)]
    refusal: str = sentences.REFUSAL
    affirmation: str = sentences.AFFIRMATION
    temperature: Annotated[float, Field(ge=0)] = 0.0
    cells: Annotated[tuple[_Cell, ...], Field(min_length=1)]


def own_scenario(path: Path, limit: int | None = None) -> Scenario:
    """A scenario in a YAML file; files that it names are relative to it.

    Raises:
        DataError: it is missing, no YAML, or says something that makes no sense; names the place.
    """
    try:
        found = _Own.model_validate(parse_yaml(read_text(path, "the scenario"), str(path)))
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from error
    names = [cell.name for cell in found.cells]
    if len(set(names)) < len(names):
        raise DataError(f"{path}: two cells have one name; names of cells tell them apart")
    if not found.cells[0].forbidden:
        raise DataError(f"{path}: the first cell holds what alignment was meant to refuse, so it must be forbidden")
    cells = []
    for cell in found.cells:
        if bool(cell.prompts) == bool(cell.file):
            raise DataError(f"{path}: cell {cell.name!r} needs either 'prompts' or 'file'")
        prompts = cell.prompts or read_prompts(path_named(cell.file, path.parent))
        cells.append(_from_prompts(cell.name, cell.forbidden, prompts, limit))
    return Scenario(
        path.stem,
        found.forbidden,
        sentences.whether_shown(found.forbidden),
        tuple(cells),
        temperature=found.temperature,
        refusal=found.refusal,
        affirmation=found.affirmation,
    )


def _from_prompts(name: str, forbidden: bool, prompts: Sequence[str], limit: int | None) -> Cell:
    chosen = tuple(dict.fromkeys(prompts))[:limit]
    cases = [Case(prompt, prompt, sentences.request(prompt, number), {}) for number, prompt in enumerate(chosen)]
    return Cell(name, forbidden, tuple(cases))
