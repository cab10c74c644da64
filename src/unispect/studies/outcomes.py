"""What one record of any study says: by the study's own reading where it has one, else by the names that all use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unispect.core.errors import UnispectError
from unispect.core.outcomes import Outcome
from unispect.core.units import Entry
from unispect.studies.base import Study

FEWEST = 2
"""Numbers in a row that are a curve over layers."""


def outcome(study: Study | None, entry: Entry) -> Outcome:
    """What a record says.

    A record of another version of the study, or one that its study cannot read, says what its JSON says.
    """
    plain = plainly(entry)
    if study is None or study.outcome is None or entry.unit.version != study.version or entry.record.status != "done":
        return plain
    try:
        return study.outcome(entry, plain)
    except (UnispectError, ArithmeticError, LookupError, TypeError, ValueError):  # values that no study writes
        return plain


def plainly(entry: Entry) -> Outcome:
    """What stands under the names by which studies write prompts, questions, texts and curves."""
    inputs, payload = entry.unit.inputs, entry.record.payload
    prompt = inputs.get("prompt")
    asked = [text for text in (_prompt(prompt), _text(inputs.get("question"))) if text]
    shown = prompt if isinstance(prompt, Mapping) else inputs
    return Outcome(
        asked="\n".join(asked),
        told=_text(payload.get("text")) or _text(payload.get("refused")),
        group=_text(inputs.get("group")) or _text(inputs.get("task")),
        about=_text(inputs.get("id")) or _text(inputs.get("item")) or "\n".join(asked) or entry.unit.id,
        curves={name: curve for name, values in payload.items() if (curve := _curve(values))},
        shown=_concept(shown.get("concept")) if "size" in shown else {},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _prompt(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    if text := _text(value.get("text")):
        return text
    concept = _concept(value.get("concept"))
    return f"picture of {' '.join(concept.values())}" if concept else ""


def _concept(value: Any) -> dict[str, str]:
    return {name: _text(one) for name, one in value.items()} if isinstance(value, Mapping) else {}


def _curve(values: Any) -> Sequence[float]:
    """The numbers, if they are several and nothing else."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) < FEWEST:
        return ()
    return values if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values) else ()
