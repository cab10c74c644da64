"""Where the meaning of words is lost: a verdict from intervals, by a rule that was fixed before models were looked at.

A model draws words and does not tell them. Somewhere between the prompt and the answer their meaning is lost, and
three studies say where: `concepts` what is drawn, told and said, `probing-attributes` what the states of a question
hold, `patching` what answers do with states that are put there. Scores are chance-corrected: 0 is chance, 1 always
right. "Surely" is by 95 % limits over words; known is above `KNOWN` (0.5), not known below it.

| verdict | drawn | told | said | question's states hold it | shown to work |
|---|---|---|---|---|---|
| not drawn | not known | | | | |
| not lost | known | known | known | | |
| read but not said | known | known | not known | | |
| written but not read | known | not known | | known, and above control tasks | reading |
| not written | known | not known | | not known | reading, and probes |

Each cell of a row must surely hold; otherwise the verdict is "cannot tell". That states do not hold a meaning is said
only if probes read words that the model tells; that it is not read, only if answers follow the states of known words.
A linear probe that finds nothing leaves open what another reader would find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from unispect.core.findings import Decision, Interval, Verdict
from unispect.studies.decisions import UNDECIDED, above, all_of, opposite
from unispect.studies.verdicts import KNOWN


class Lost(StrEnum):
    """Where the meaning of words is lost."""

    NOT_DRAWN = "not drawn"
    NOT_LOST = "not lost"
    NOT_SAID = "read but not said"
    NOT_READ = "written but not read"
    NOT_WRITTEN = "not written"
    CANNOT_TELL = "cannot tell"


LOSSES = (Lost.NOT_WRITTEN, Lost.NOT_READ, Lost.NOT_SAID)
"""Verdicts that find a loss."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of the words of one lexicon in one model; chance-corrected scores over words, None if not measured.

    Attributes:
        drawn: by name, of new combinations.
        told: by likelihood of the values of the attribute.
        recalled: in a free reply.
        probed: read out of the question's states by probes that learned from real words, at the best layer and place,
            with limits for all of them together.
        selectivity: accuracy less that of control tasks, at that layer and place.
        probed_known: `probed` of words that the model tells: invented ones where it tells some, else real ones.
        patched_known: answers that follow the states of a known word put into a question about another word, at the
            best layer and place, with limits for all of them together.
        patched_own: told from the states that the same words have when they are drawn, put into the question, at the
            best layer and place, with limits for all of them together.
    """

    drawn: Interval | None = None
    told: Interval | None = None
    recalled: Interval | None = None
    probed: Interval | None = None
    selectivity: Interval | None = None
    probed_known: Interval | None = None
    patched_known: Interval | None = None
    patched_own: Interval | None = None


def claims(evidence: Evidence) -> Mapping[Lost, Decision]:
    """How far the data are from each verdict; no two of them can both hold.

    A verdict holds where all of its parts do, so that none of them needs a correction (`all_of`).
    """
    one = evidence
    drawn, told, recalled, written = (_known(each) for each in (one.drawn, one.told, one.recalled, one.probed))
    reads, probes = _known(one.patched_known), _known(one.probed_known)
    selective = UNDECIDED if one.selectivity is None else above(one.selectivity, 0.0)
    return {
        Lost.NOT_DRAWN: opposite(drawn),
        Lost.NOT_LOST: all_of([drawn, told, recalled]),
        Lost.NOT_SAID: all_of([drawn, told, opposite(recalled)]),
        Lost.NOT_READ: all_of([drawn, opposite(told), reads, written, selective]),
        Lost.NOT_WRITTEN: all_of([drawn, opposite(told), reads, probes, opposite(written)]),
    }


def likeliest(evidence: Evidence) -> tuple[Lost, Decision]:
    """The verdict that is nearest to being sure, and its decision, for a correction over several models."""
    every = claims(evidence)
    found = min(every, key=lambda lost: every[lost].supported)
    return found, every[found]


def decide(evidence: Evidence) -> Lost:
    """Where the meaning is lost, as far as 95 % limits allow to say, before any correction."""
    found, decision = likeliest(evidence)
    sure = decision.verdict(decision.p) is Verdict.SUPPORTED
    return found if sure else Lost.CANNOT_TELL


def one_format(evidence: Evidence) -> Decision:
    """That telling can read what drawing holds: most words are told from the states that they are drawn from.

    It says what would cure a loss, and decides nothing about where it is. Refuted only if answers follow states of
    known words: else the way is not shown to work.
    """
    own = _known(evidence.patched_own)
    return Decision(own.supported, max(own.refuted, _known(evidence.patched_known).supported))


def _known(score: Interval | None) -> Decision:
    """That a score is above `KNOWN`."""
    return UNDECIDED if score is None else above(score, KNOWN)
