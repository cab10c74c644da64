"""What a judge is asked about the replies of a run: looks, one rubric per poster, and every reply on its rubric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.chat.dialect import Dialect
from unispect.core.errors import DataError, UsageError
from unispect.core.typed import read_inputs, read_payload, read_settings, to_json
from unispect.core.units import Entry, Plan, Skip, Unit
from unispect.data.posters.items import Modality
from unispect.data.posters.subjects import Subject
from unispect.studies.posters.plan import DESCRIBE, DRAW, REPLIES, STUDY, VERSION
from unispect.studies.posters.records import (
    About,
    ItemsInputs,
    JudgeSettings,
    LookInputs,
    OfPoster,
    Protocol,
    Replied,
    RubricInputs,
    Source,
)

PROTOCOL = 1
"""Raised whenever what a judge is asked changes; replies stay what they are."""

LOOK, RUBRIC, ITEMS = "look", "rubric", "items"


@dataclass(frozen=True)
class How:
    """How a user wants replies graded.

    Attributes:
        judge: name of the chat model, carried by its units in the place of the model.
        source: of rubrics.
        gradings: of every reply, each with statements in another order.
        temperature: of the judge; None sends none.
        thinking_tokens: allowed beyond the length of an answer, for judges that think before they write.
        dialect: what the judge's server understands.
    """

    judge: str
    source: Source = "reference"
    gradings: int = 1
    temperature: float | None = 0.0
    thinking_tokens: int = 0
    dialect: Dialect = Dialect()  # noqa: RUF009 - frozen

    def unit(self, kind: str, inputs: OfPoster, source: Source | None = None, seed: int = 0) -> Unit:
        asked = JudgeSettings(
            protocol=PROTOCOL, temperature=self.temperature, source=source, thinking_tokens=self.thinking_tokens
        )
        settings = to_json(asked) | self.dialect.writing(formed=True, instructed=True)
        return Unit(STUDY, VERSION, kind, self.judge, to_json(inputs), settings, seed)


def modality_of(kind: str) -> Modality:
    """Of a reply's kind of unit."""
    return "image" if kind == DRAW else "text"


def plan(how: How, entries: Sequence[Entry], subjects: Sequence[Subject]) -> Plan:
    """Up to three stages: looks (for rubrics from replies), rubrics, items.

    A rubric that the run holds already is used by every later judge: two judges are compared on the same items, and
    replies that came later are graded like the earlier ones.

    Args:
        how: the replies are graded.
        entries: of the run; other studies' are ignored.
        subjects: the posters, with their reference pictures.

    Raises:
        UsageError: nothing to grade, or `gradings` makes no sense.
        DataError: a rubric in the run was made for another reference picture.
    """
    if how.gradings < 1:
        raise UsageError(f"--gradings must be at least 1, not {how.gradings}")
    if how.thinking_tokens < 0:
        raise UsageError(f"--thinking-tokens must be 0 or more, not {how.thinking_tokens}")
    known = {subject.id: subject for subject in subjects}
    ours = [entry for entry in entries if entry.unit.study == STUDY and entry.record.status == "done"]
    replies = [entry for entry in ours if entry.unit.kind in REPLIES and gradable(entry)]
    graded = [entry for entry in replies if _poster(entry) in known]
    posters = list(dict.fromkeys(_poster(entry) for entry in graded))
    rubrics = _rubrics(how, ours, known)
    looks: list[Unit] = []
    made: list[Unit] = []
    for poster in posters:
        if poster not in rubrics:
            own = list(_looks(how, known[poster], graded)) if how.source == "replies" else []
            looks += own
            rubric = _rubric(how, known[poster], own)
            made.append(rubric)
            rubrics[poster] = rubric.id
    items = [*_replies(how, graded, rubrics), *_controls(how, graded, known, rubrics)]
    return Plan(tuple(stage for stage in (tuple(looks), tuple(made), tuple(items)) if stage), _skips(replies, known))


def gradable(entry: Entry) -> bool:
    """It left a picture or a text that is no refusal."""
    record, left = entry.record, read_payload(Replied, entry.record)
    return not left.refused and bool(record.blobs or record.pictures or left.text.strip())


def _poster(entry: Entry) -> str:
    return read_inputs(OfPoster, entry.unit).poster


def _rubrics(how: How, ours: Sequence[Entry], known: Mapping[str, Subject]) -> dict[str, str]:
    """Poster -> unit of the rubric that the run holds."""
    found: dict[str, str] = {}
    for entry in ours:
        unit = entry.unit
        current = read_settings(Protocol, unit) == Protocol(protocol=PROTOCOL, source=how.source)
        if unit.kind != RUBRIC or not current or _poster(entry) not in known:
            continue
        subject = known[_poster(entry)]
        if read_inputs(RubricInputs, unit).reference != subject.sha256:
            raise DataError(
                f"{subject.name}: this run's rubric was made for another reference picture than {subject.image}; "
                "put that picture back, or grade a copy of the run made before it was graded"
            )
        found.setdefault(subject.id, unit.id)
    return found


def _looks(how: How, subject: Subject, graded: Sequence[Entry]) -> Iterator[Unit]:
    """At drawn and plainly told replies; at whatever there is where the model gave neither."""
    own = [entry for entry in graded if _poster(entry) == subject.id]
    plain = [entry for entry in own if entry.unit.kind in (DRAW, DESCRIBE)]
    for entry in plain or own:
        yield how.unit(LOOK, LookInputs(poster=subject.id, reply=entry.unit.id, reference=subject.sha256))


def _rubric(how: How, subject: Subject, looks: Sequence[Unit]) -> Unit:
    inputs = RubricInputs(poster=subject.id, reference=subject.sha256, looks=[look.id for look in looks])
    return how.unit(RUBRIC, inputs, how.source)


def _replies(how: How, graded: Sequence[Entry], rubrics: Mapping[str, str]) -> Iterator[Unit]:
    for grading in range(how.gradings):
        for entry in graded:
            yield _items(how, "reply", _poster(entry), rubrics, entry, grading)


def _controls(
    how: How, graded: Sequence[Entry], known: Mapping[str, Subject], rubrics: Mapping[str, str]
) -> Iterator[Unit]:
    """The reference picture on its own rubric; the next poster's first drawing and first description on it."""
    posters = list(dict.fromkeys(_poster(entry) for entry in graded))
    for poster, other in zip(posters, (*posters[1:], *posters[:1]), strict=True):
        inputs = ItemsInputs(
            about="reference",
            poster=poster,
            rubric=rubrics[poster],
            reference=known[poster].sha256,
            modality="image",
        )
        yield how.unit(ITEMS, inputs, how.source)
        if other == poster:
            continue
        for modality in ("image", "text"):
            theirs = [e for e in graded if _poster(e) == other and modality_of(e.unit.kind) == modality]
            if theirs:
                yield _items(how, "stranger", poster, rubrics, theirs[0])


def _items(how: How, about: About, poster: str, rubrics: Mapping[str, str], reply: Entry, grading: int = 0) -> Unit:
    inputs = ItemsInputs(
        about=about,
        poster=poster,
        rubric=rubrics[poster],
        reply=reply.unit.id,
        modality=modality_of(reply.unit.kind),
    )
    return how.unit(ITEMS, inputs, how.source, grading)


def _skips(replies: Sequence[Entry], known: Mapping[str, Subject]) -> tuple[Skip, ...]:
    strange = dict.fromkeys(_poster(entry) for entry in replies if _poster(entry) not in known)
    return tuple(Skip(f"replies about {poster}", "the subjects file does not hold this poster") for poster in strange)
