"""Drawn pictures of runs beside what was asked for and what a judge saw."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from unispect.core import shown
from unispect.core.units import Entry
from unispect.runs.reading import RunReader
from unispect.studies.aphasia.evidence import deciding

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Drawn:
    """One picture of a record.

    Attributes:
        unit: id of the record's unit.
        study: that asked for it.
        model: `id@revision`.
        seed: of its drawing.
        name: under which the record holds it.
        asked: the prompt; empty where it is no text.
        wanted: attribute -> what was to be drawn, where the study knows it.
        seen: attribute -> what the judge saw; None where it saw nothing clear.
        judge: whose word that is; empty where nobody has looked.
        png: the file.
    """

    unit: str
    study: str
    model: str
    seed: int
    name: str
    asked: str
    wanted: Mapping[str, str]
    seen: Mapping[str, str | None]
    judge: str
    png: bytes

    @property
    def wrong(self) -> tuple[str, ...]:
        """Attributes that the judge saw otherwise, or not clearly; none where nobody has looked."""
        return _wrong(self.wanted, self.seen)

    @property
    def image(self) -> Image:
        """The picture, as PIL has it."""
        from PIL import Image

        return Image.open(io.BytesIO(self.png)).convert("RGB")

    def _repr_html_(self) -> str:
        return shown.box(self._html())

    def _html(self) -> str:
        wrong = self.wrong
        said = [f"{name}: {self.seen[name] or 'not clear'}, not {self.wanted[name]}" for name in wrong]
        verdict = "✗ " + "; ".join(said) if wrong else "✓ as asked" if self.judge and self.wanted else ""
        where = f'<span class="soft">{shown.text(self.model.partition("@")[0])}, seed {self.seed}</span>'
        return shown.picture(self.png, (shown.text(self.asked, 120), shown.text(verdict), where), self.asked)


class Pictures(Sequence[Drawn]):
    """Pictures in a row, and how they were chosen."""

    def __init__(self, found: Sequence[Drawn], among: int, how: str) -> None:
        self._found, self.among, self.how = tuple(found), among, how

    @overload
    def __getitem__(self, index: int) -> Drawn: ...
    @overload
    def __getitem__(self, index: slice) -> Pictures: ...
    def __getitem__(self, index: int | slice) -> Drawn | Pictures:
        if isinstance(index, slice):
            return Pictures(self._found[index], self.among, self.how)
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<{len(self)} of {self.among:,} pictures, {self.how}>"

    def _repr_html_(self) -> str:
        head = f'<p class="soft">{len(self)} of {self.among:,} pictures, {shown.text(self.how)}</p>'
        return shown.box(head, *(one._html() for one in self))


def pictures_of(stores: Sequence[RunReader], study: str, model: str, limit: int) -> Pictures:
    """The first pictures of runs, wrong ones before right ones and those that nobody has looked at last.

    Args:
        stores: the runs.
        study: only its pictures; of all studies if empty.
        model: only this one's, `id` or `id@revision`; of all models if empty.
        limit: how many.
    """
    found: list[tuple[int, int, int, str, str]] = []
    seen: set[str] = set()
    for at, store in enumerate(stores):
        for entry in store.entries(study or None, status="done"):
            if entry.unit.id in seen:  # several folders may hold it
                continue
            seen.add(entry.unit.id)
            if model in ("", entry.unit.model, entry.unit.model.partition("@")[0]):
                for name in entry.record.blobs:
                    found.append((_order(entry), at, len(found), entry.unit.id, name))
    chosen = sorted(found)[:limit]
    drawn = [_drawn(stores[at], unit, name) for _, at, _, unit, name in chosen]
    return Pictures(drawn, len(found), "wrong ones first, in the order of the plan")


def _order(entry: Entry) -> int:
    """Wrong, right, not looked at."""
    judge, seen = _seen(entry)
    if not judge:
        return 2
    return 0 if _wrong(_wanted(entry), seen) else 1


def _drawn(store: RunReader, unit: str, name: str) -> Drawn:
    entry = store.get(unit)
    assert entry is not None, "its unit was just read"
    prompt = entry.unit.inputs.get("prompt", "")
    if isinstance(prompt, Mapping):
        prompt = prompt.get("text", "")
    judge, seen = _seen(entry)
    return Drawn(
        unit=unit,
        study=entry.unit.study,
        model=entry.unit.model,
        seed=entry.unit.seed,
        name=name,
        asked=prompt if isinstance(prompt, str) else "",
        wanted=_wanted(entry),
        seen=seen,
        judge=judge,
        png=store.open_blob(entry.record.blobs[name]),
    )


def _wanted(entry: Entry) -> Mapping[str, str]:
    wanted = entry.unit.inputs.get("concept")
    return {name: str(value) for name, value in wanted.items()} if isinstance(wanted, Mapping) else {}


def _seen(entry: Entry) -> tuple[str, Mapping[str, str | None]]:
    """The judge whose word counts, and what it saw."""
    judge = deciding(entry)
    values = entry.grades[judge].payload.get("values") if judge else None
    if not isinstance(values, Mapping):
        return "", {}
    return judge, {name: None if value is None else str(value) for name, value in values.items()}


def judged(entry: Entry) -> tuple[Mapping[str, str], tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """What was to be seen; judges who say what they saw; judge -> what they saw otherwise, attribute by attribute."""
    wanted, wrong = _wanted(entry), {}
    for judge, grade in entry.grades.items():
        values = grade.payload.get("values")
        if isinstance(values, Mapping):
            wrong[judge] = _wrong(wanted, {name: None if one is None else str(one) for name, one in values.items()})
    return wanted, tuple(wrong), wrong


def _wrong(wanted: Mapping[str, str], seen: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(name for name, value in wanted.items() if name in seen and seen[name] != value)
