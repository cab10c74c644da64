"""What the records of the posters study say: findings, tables, cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Glance, Section
from unispect.core.typed import read_payload
from unispect.core.units import Entry
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import names_of
from unispect.studies.posters.cards import cards as cards_of
from unispect.studies.posters.claims import FITS, MARGIN, PASSES, findings
from unispect.studies.posters.evidence import WAYS, Everything, everything
from unispect.studies.posters.judging.plan import LOOK
from unispect.studies.posters.plan import REPLIES, STUDY
from unispect.studies.posters.records import Looked
from unispect.studies.posters.tables import tables


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    replies = [entry for entry in entries if entry.unit.kind in REPLIES]
    found = everything(entries, names_of(replies, cards))
    claims = settled(findings(found))
    return Section(
        id=STUDY,
        title="Can it tell the posters it can draw?",
        lead=(
            "Each model draws known posters from memory and, apart from that, describes them. A chat model grades both "
            "on the same statements. A poster that is drawn well and told badly is modal aphasia outside the "
            "laboratory."
        ),
        findings=claims,
        tables=tables(found),
        cards=tuple(cards_of(found.models)),
        methods=METHODS,
        caveats=tuple(_caveats(found, entries)),
        family=family_of(claims),
        glances=tuple(
            Glance(one.model, {"draws posters that it cannot tell": one.id}) for one in claims if one.bearing
        ),
    )


METHODS = (
    "Protocol after arXiv 2510.21842, with prompts, rubrics and grading instructions of our own (theirs for the model "
    "were not published) and what its scores rest on kept apart: intervals are over posters and over samples, never "
    "over re-gradings of one reply.",
    "The judge is told the same, word for word, about drawings and descriptions. It sees one reply and neutral "
    "statements in an order of their own, and neither which of them are true of the poster, nor the reference picture, "
    "the model, the other replies or earlier grades. It says: as stated, otherwise, not shown; what that makes of an "
    "item is decided afterwards: wanted items are correct, a minor hallucination or an omission, unwanted ones are "
    "correct or a severe hallucination.",
    "Rubrics from the reference picture hold what is on it and likely errors that the judge thought of before it saw "
    "any reply. Rubrics from replies, as published, hold what looks at the replies noted: then the severe rate comes "
    "close to restating what those replies got wrong.",
    f"Verdicts: a difference of error counts if its whole 95 % interval lies beyond {100 * MARGIN:.0f} points; what "
    "could not be scored is counted against it. Controls: at most "
    f"{100 * PASSES:.0f} % of the items may go wrong for the reference pictures themselves, and at most "
    f"{100 * FITS:.0f} % of what is wanted may be found in replies about another poster (intervals over posters).",
    "Reference pictures are not shown: they are copyrighted as a rule, and this page is made to be sent around.",
)


def _caveats(found: Everything, entries: Sequence[Entry]) -> Iterator[str]:
    if not found.judge:
        yield "Nothing was graded: unispect grade RUN --judge PROVIDER:MODEL."
        return
    makers = {name for one in found.main for name in [one.answered_by] if name}
    yield (
        f"Graded by {found.judge} ({', '.join(sorted(makers)) or 'which gave no name'}) on rubrics from "
        f"{'the reference pictures' if found.source == 'reference' else 'the replies'}. One judge's word: see the "
        "agreement table, and unispect review for people's."
    )
    if found.source == "replies":
        yield "Rubrics were made from the replies they grade; severe rates are not to be read as frequencies."
    for model in found.models:
        refused = {word: sum(bool(reply.refused) for reply in model.of(kind)) for kind, word in WAYS.items()}
        said = [f"{count} {word}" for word, count in refused.items() if count]
        if said:
            yield f"{model.name}: refused replies ({', '.join(said)}) have no score; they are no errors of memory."
        if len(model.seeds) < 3:
            yield f"{model.name}: fewer than three samples of each poster ({len(model.seeds)})."
    unread = sum(
        entry.unit.kind == LOOK and read_payload(Looked, entry.record).outcome == "unparsed" for entry in entries
    )
    if unread:
        yield f"{unread} looks at replies could not be read and are missing from the rubrics."
    edited = [item for one in found.main for item in one.items if item.edits]
    if edited:
        changed = sum(item.edited for item in edited)
        people = sorted({edit.by for item in edited for edit in item.edits})
        yield (
            f"People ({', '.join(people)}) looked at {len(edited)} graded items and changed {changed}; scores use "
            "their word, and the run keeps every edit with its reason."
        )
