"""What of a run has no grade, and what is missing of a run beside every verdict (`runs.completeness` finds it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from unispect.core.findings import Section
    from unispect.core.units import Entry
    from unispect.runs import Count, RunReader
    from unispect.studies.base import Judge, Study

LOOKED_AT: Final = 20
"""Records of a kind of which none is graded that a judge is asked about, to see whether it has anything to say."""


def marked(sections: Sequence[Section], gaps: Sequence[str]) -> list[Section]:
    """Sections whose verdicts say that they rest on a part of what was planned; as they were where nothing is missing.

    Every section is marked: those over several studies rest on all of them.
    """
    if not gaps:
        return list(sections)
    words = f"From a part of what was planned: {'; '.join(gaps)}."
    return [
        replace(
            section,
            caveats=(words, *section.caveats),
            findings=tuple(replace(one, detail=f"{one.detail} {words}".strip()) for one in section.findings),
        )
        for section in sections
    ]


def ungraded(runs: Sequence[RunReader], study: Study, name: str, judge: Judge) -> str:
    """How many finished records of a study a judge has graded, of those that it has something to say about.

    Empty where it has graded all of them.
    """
    graded = waiting = 0
    for run in runs:
        given = run.graded_kinds(name, study.name, study.version)
        graded += sum(given.values())
        for count in run.counts():
            if (count.study, count.version) == (study.name, study.version):
                known = given.get((count.model, count.kind), 0)
                waiting += _waiting(run, count, known, name, judge) if known < count.done else 0
    return f"{name} graded {graded:,} of {graded + waiting:,} records of {study.name}" if waiting else ""


def _waiting(run: RunReader, count: Count, known: int, name: str, judge: Judge) -> int:
    """Finished records of a kind that a judge would grade and has not."""
    found = 0
    entries = run.entries(count.study, count.model, count.kind, version=count.version, ungraded_by=name)
    for number, entry in enumerate(entries, 1):
        found += _has_a_say(judge, entry)
        if number == LOOKED_AT and not (found or known):  # kinds that are none of its business
            break
    return found


def _has_a_say(judge: Judge, entry: Entry) -> bool:
    try:
        return judge(entry.unit, entry.record, _unopened) is not None
    except Exception:  # it wanted to look at a picture, or fails on the record, which leaves no grade either
        return True


def _unopened(sha256: str) -> bytes:
    raise LookupError(sha256)
