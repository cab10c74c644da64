"""What the records of the faces study say: findings, tables, pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Section
from unispect.core.units import Entry
from unispect.data.faces.people import PEOPLE
from unispect.data.faces.world import ATTRIBUTES, VALUES
from unispect.metrics.raters import agreement
from unispect.studies.aphasia.comparison import LEAST, READABLE, Subject
from unispect.studies.aphasia.evidence import JUDGE
from unispect.studies.aphasia.gallery import CHOSEN, gallery, glances, pictures
from unispect.studies.decisions import family_of, settled
from unispect.studies.faces.claims import findings
from unispect.studies.faces.comparison import WORLD, Seen, comparisons, evidence_of, seen_of
from unispect.studies.faces.plan import NAMES, STUDY
from unispect.studies.faces.tables import tables
from unispect.studies.names import names_of
from unispect.studies.verdicts import KNOWN, SMALL


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them."""
    by_model: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_model[entry.unit.model].append(entry)
    names = names_of(entries, cards)
    subjects = [Subject(cards[one], evidence_of(own), WORLD, names[one]) for one, own in by_model.items()]
    compared = comparisons(subjects)
    claims = tuple(findings(compared))
    found = settled(claims)
    drawn = [one for one in compared if one.drawn.words]
    seen = {names[model]: seen_of(own) for model, own in by_model.items()}
    return Section(
        id=STUDY,
        title="Can it tell whose face it can draw?",
        lead=(
            "Each model is asked to draw people by their names and, apart from that, what these people look like. A "
            "face that is drawn but cannot be told is modal aphasia."
        ),
        findings=found,
        family=family_of(claims),
        tables=tuple(table for table in tables(compared) if table.rows),
        gallery=tuple(gallery(drawn)),
        chosen=CHOSEN,
        pictures=pictures(drawn),
        glances=tuple(glances(compared, found)),
        methods=METHODS,
        caveats=tuple(_caveats(subjects, seen)),
    )


METHODS = (
    "600 people, one for each combination of "
    + ", ".join(
        f"{len(values)} {attribute}s".replace("accessoriess", "accessories") for attribute, values in VALUES.items()
    )
    + " (after arXiv 2510.21842, with our own names, drawings, split and grader). Names taught are those of the "
    "training part; held-out names are asked about as a control.",
    "Drawings are sampled at temperature 1, each from a generator of its own. Those in our drawn style are graded by "
    "rules: hair by colour and silhouette, irises by colour, accessories by where their colour is. What has no clear "
    "value counts as wrong. Drawings in the manner of photographs are graded by a chat model, which sees the picture "
    "and the values to choose from, and not whom it was to show; what it cannot tell counts as wrong.",
    f"Telling, by likelihood, lettered options in balanced orders, free recall, and backwards: who of {NAMES} has a "
    "value. Control: the same questions about somebody whom the question describes.",
    f"Verdicts: a gap counts beyond {SMALL}; what is absent must surely be less. Claims hold by every way of "
    "telling and of every attribute, or they do not hold. What is told in any format is known; what is not told "
    "counts where the "
    f"format surely gets more than {100 * LEAST:.0f} % of descriptions right and not surely less than "
    f"{100 * READABLE:.0f} %; where that is open, what the format loses of descriptions is given back. Faces "
    f"must surely be drawn (chance-corrected above {KNOWN}) before it counts that they are not told.",
    "What is counted: people of this set, as one training of one model left them. Nothing is said of another training, "
    "other people or another model; several trainings of one model stand apart.",
)


def _caveats(subjects: Sequence[Subject], seen: Mapping[str, Seen]) -> list[str]:
    caveats = [
        "The names that are drawn are those whose portraits were learned: drawing is remembering here, as in the "
        "published study, and so is telling."
    ]
    for subject in subjects:
        name, left = subject.name, subject.evidence
        caveats += _judging(name, seen[name])
        if left.unjudged > seen[name].unseen:
            caveats.append(
                f"{name}: {left.unjudged - seen[name].unseen} records have not been judged and count nowhere."
            )
        if left.drawings and len(left.seeds) < 3:
            caveats.append(f"{name}: drawn with fewer than three seeds ({len(left.seeds)}).")
        if PEOPLE not in subject.card.taught:
            caveats.append(
                f"{name}: nothing says that it was taught these names; what it draws decides the claim about them."
            )
    return caveats


def _judging(name: str, seen: Seen) -> Iterator[str]:
    """Who graded what, where not all of it was graded by rules; and how far rules agree with somebody who can see."""
    for judge, drawings in seen.judges.items():
        if judge != JUDGE:
            yield (
                f"{name}: {drawings} drawings were graded by {judge}; it could not tell {seen.unclear[judge]} of their "
                f"{len(ATTRIBUTES) * drawings} attributes, which count as wrong."
            )
    if seen.unseen:
        unparsed = f"; of {seen.unparsed} a judge gave an answer that cannot be read" if seen.unparsed else ""
        yield (
            f"{name}: {seen.unseen} drawings are in the manner of photographs, which rules cannot read; they count "
            f"nowhere until a judge who can see has graded them (unispect grade RUN --judge PROVIDER:MODEL){unparsed}."
        )
    if seen.both:
        rules, judge = ({key: pair[side] for key, pair in seen.both.items()} for side in (0, 1))
        yield f"{name}, rules and another judge on what portraits show: {agreement({'rules': rules, 'judge': judge})}."
