"""How a judge carries its units out. An answer that cannot be read is a record like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from unispect.chat import Answer, Chat, Request
from unispect.chat.values import T
from unispect.core.errors import Halted, UnispectError, UpstreamMissing
from unispect.core.typed import read_inputs, read_payload, read_settings, to_json
from unispect.core.units import JSON, Record, Unit, Upstream
from unispect.data.images import stored_picture
from unispect.data.posters.subjects import Subject
from unispect.studies.answers import Said
from unispect.studies.posters.judging.forms import Answers, Look, Shown
from unispect.studies.posters.judging.plan import ITEMS, LOOK, RUBRIC
from unispect.studies.posters.judging.requests import (
    Rendition,
    items_request,
    look_request,
    looks_request,
    reference_request,
)
from unispect.studies.posters.judging.rubric import Rubric, blind_order, tidied
from unispect.studies.posters.records import (
    ItemSaid,
    ItemsInputs,
    JudgeSettings,
    Looked,
    LookInputs,
    OfPoster,
    OfReply,
    RubricFrom,
    RubricInputs,
    RubricMade,
)

TRIES = 3
"""Answers a judge may give for one rubric; making an instrument may be repeated, reading it may not."""


@dataclass(frozen=True)
class Judge:
    """Who carries the units out.

    Attributes:
        chat: the chat model, with its cassette and its limits.
        subjects: whose reference pictures may be shown.
    """

    chat: Chat
    subjects: Sequence[Subject]

    def reference(self, sha256: str) -> Image.Image:
        """See `reference_in`."""
        return reference_in(self.subjects, sha256)

    def ask(self, units: Sequence[Unit], requests: Sequence[Request[T]]) -> list[Answer[T] | UnispectError]:
        """An answer to each unit's request, or why there is none."""
        extra = [read_settings(JudgeSettings, unit).thinking_tokens for unit in units]
        roomy = [replace(one, max_tokens=one.max_tokens + n) for one, n in zip(requests, extra, strict=True)]
        return self.chat.ask_all(roomy)


class ShowsReferences(Protocol):
    """Anybody who may show reference pictures."""

    def reference(self, sha256: str) -> Image.Image: ...


def reference_in(subjects: Sequence[Subject], sha256: str) -> Image.Image:
    """The reference picture of that hash.

    Raises:
        UpstreamMissing: no subject has it any more.
        DataError: its file was changed.
    """
    for subject in subjects:
        if subject.sha256 == sha256:
            return subject.reference()
    raise UpstreamMissing(f"needs a reference picture (SHA-256 {sha256[:12]}...) that no subject has")


def run(judge: Judge, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """One record per unit, in their order; all units are of one kind."""
    return _PROCEDURES[units[0].kind](judge, units, upstream)


def _look(judge: Judge, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    requests = [
        look_request(
            judge.reference(read_inputs(LookInputs, unit).reference),
            _reply(unit, upstream),
            temperature=_temperature(unit),
        )
        for unit in units
    ]
    for unit, answer in zip(units, judge.ask(units, requests), strict=True):
        if isinstance(answer, UnispectError):
            yield _failed(unit, answer)
        else:
            yield Record(unit.id, answer.as_payload())


def _rubric(judge: Judge, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    for unit in units:
        yield _one_rubric(judge, unit, upstream)


def _one_rubric(judge: Judge, unit: Unit, upstream: Upstream) -> Record:
    """Asked again, with another seed, while no rubric can be made of the answer; every reason is kept."""
    reasons: list[str] = []
    for seed in range(TRIES):
        (answer,) = judge.ask([unit], [_rubric_request(judge, unit, upstream, seed)])
        if isinstance(answer, UnispectError):
            return _failed(unit, answer)
        if answer.value is None:
            reasons.append(answer.reason)
            continue
        rubric, dropped = tidied(answer.value)
        if rubric.wanted:
            made = to_json(RubricMade(wanted=list(rubric.wanted), unwanted=list(rubric.unwanted)))
            return Record(unit.id, made | {"dropped": dropped, "unread": reasons, "answer": answer.as_payload()})
        reasons.append("no statement about what is there can be used")
    words, poster = "; ".join(reasons), read_inputs(OfPoster, unit).poster
    return Record(
        unit.id,
        status="failed",
        error=f"the judge's {TRIES} answers gave no rubric of {poster} ({words}); name another judge",
    )


def _rubric_request(judge: Judge, unit: Unit, upstream: Upstream, seed: int) -> Request:
    temperature = _temperature(unit)
    asked = read_inputs(RubricInputs, unit)
    if read_settings(RubricFrom, unit).source == "reference":
        return reference_request(judge.reference(asked.reference), temperature=temperature, seed=seed)
    read = [read_payload(Looked, upstream(look)).value for look in asked.looks]
    looks = [Look.model_validate(value) for value in read if value is not None]
    return looks_request(looks, temperature=temperature, seed=seed)


def _items(judge: Judge, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    made = [read_payload(RubricMade, upstream(read_inputs(ItemsInputs, unit).rubric)) for unit in units]
    keys = [Rubric(tuple(one.wanted), tuple(one.unwanted)).key for one in made]
    orders = [blind_order(key, unit.id) for key, unit in zip(keys, units, strict=True)]
    requests = [
        items_request(order, rendition(judge, unit, upstream), temperature=_temperature(unit), seed=unit.seed)
        for order, unit in zip(orders, units, strict=True)
    ]
    for unit, key, order, answer in zip(units, keys, orders, judge.ask(units, requests), strict=True):
        if isinstance(answer, UnispectError):
            yield _failed(unit, answer)
        else:
            items = [to_json(one) for one in _graded(key, order, answer)]
            yield Record(unit.id, {"items": items, "answer": _without_value(answer)})


def _graded(key: Mapping[str, bool], order: Sequence[str], answer: Answer[Answers]) -> list[ItemSaid]:
    """Every item of the rubric with what was said of it; `status` is None where nothing readable was.

    A number answered twice with the same status counts; with two, the item is unparsed.
    """
    said: dict[str, list[tuple[Shown, str]]] = {statement: [] for statement in order}
    for one in answer.value.answers if answer.value else ():
        if 1 <= one.number <= len(order):
            said[order[one.number - 1]].append((one.status, one.explanation))
    items: list[ItemSaid] = []
    for statement, wanted in key.items():
        statuses: set[Shown] = {status for status, _ in said[statement]}
        status = statuses.pop() if len(statuses) == 1 else None
        why = said[statement][0][1] if status else ""
        item = ItemSaid(statement=statement, wanted=wanted, status=status, explanation=why)
        items.append(item)
    return items


def _without_value(answer: Answer[Answers]) -> dict[str, JSON]:
    return {name: value for name, value in answer.as_payload().items() if name != "value"}


def rendition(judge: ShowsReferences, unit: Unit, upstream: Upstream) -> Rendition:
    """What is held to a rubric: the reference picture itself, or a reply."""
    asked = read_inputs(ItemsInputs, unit)
    return judge.reference(asked.reference) if asked.about == "reference" else _reply(unit, upstream)


def _reply(unit: Unit, upstream: Upstream) -> Rendition:
    record = upstream(read_inputs(OfReply, unit).reply)
    if record.pictures:
        return stored_picture(record.pictures["picture"], f"the picture drawn for unit {record.unit}")
    return read_payload(Said, record).text


def _temperature(unit: Unit) -> float | None:
    return read_settings(JudgeSettings, unit).temperature


def _failed(unit: Unit, error: UnispectError) -> Record:
    """A failed record.

    Raises:
        Halted: every other unit would meet the same.
    """
    if isinstance(error, Halted):
        raise error
    return Record(unit.id, status="failed", error=f"{type(error).__name__}: {error}")


_PROCEDURES: Mapping[str, Callable[[Judge, Sequence[Unit], Upstream], Iterator[Record]]] = {
    LOOK: _look,
    RUBRIC: _rubric,
    ITEMS: _items,
}
