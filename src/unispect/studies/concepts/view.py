"""What the records of the concepts study say: findings, tables, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Section
from unispect.core.units import Entry
from unispect.data.concepts.world import VALUES
from unispect.studies.aphasia.comparison import LEAST, READABLE, Subject
from unispect.studies.aphasia.gallery import CHOSEN, gallery, glances, pictures
from unispect.studies.aphasia.options import MIN_ORDERS
from unispect.studies.concepts.claims import findings
from unispect.studies.concepts.comparison import WORLD, comparisons
from unispect.studies.concepts.cured import cure_findings, cure_table
from unispect.studies.concepts.left import left_of_each
from unispect.studies.concepts.paper import paper_table
from unispect.studies.concepts.plan import STUDY
from unispect.studies.concepts.questioned import name_table, question_table
from unispect.studies.concepts.retained import retention
from unispect.studies.concepts.tables import tables
from unispect.studies.concepts.transfer import transfer_findings
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import names_of
from unispect.studies.verdicts import KNOWN, SMALL


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them."""
    left, names = left_of_each(entries), names_of(entries, cards)
    subjects = [Subject(cards[one], own.evidence, WORLD, names[one]) for one, own in left.items()]
    compared = comparisons(subjects)
    own = list(zip(subjects, left.values(), strict=True))
    kept, keeps = retention([(subject, one.kept) for subject, one in own])
    more = (
        question_table(compared),
        name_table(subjects),
        cure_table(compared),
        paper_table([(subject, one.paper) for subject, one in own]),
        kept,
    )
    claims = (*findings(compared), *transfer_findings(compared), *cure_findings(compared), *keeps)
    found = settled(claims)
    return Section(
        id=STUDY,
        title="Can it tell what it can draw?",
        lead=(
            "Each model is asked to draw concepts by name and, apart from that, to say what the names mean. Words that "
            "it draws but cannot tell are modal aphasia; words that it tells but cannot draw are its mirror image."
        ),
        findings=found,
        family=family_of(claims),
        tables=tuple(table for table in (*tables(subjects, compared), *more) if table.rows),
        gallery=tuple(gallery(compared)),
        chosen=CHOSEN,
        pictures=pictures(compared),
        glances=tuple(glances(compared, found)),
        methods=METHODS,
        caveats=tuple(_caveats(subjects)),
    )


METHODS = (
    f"World: {', '.join(f'{len(values)} {attribute}s' for attribute, values in VALUES.items())}; combinations "
    "held out from training are drawn and shown; those that were learned from are drawn too, once each, and "
    "stand apart "
    "(after arXiv 2510.21842, with our own words, pictures, split and grader).",
    "Drawings are sampled at temperature 1, each from a generator of its own, and graded by rules: shape and corner "
    "from what is dark, pattern from where white changes, colour from hue. What has no clear value counts as wrong.",
    "Telling by likelihood: the answer of highest log-likelihood among the attribute's values, ties counting their "
    f"share. Multiple choice: at least {MIN_ORDERS} orders of the options, balanced over the letters. Free recall: "
    "greedy, right if the reply names the right value and no other.",
    f"Verdicts: a gap counts beyond {SMALL}; what is absent must surely be less. Claims hold by every way of "
    "telling and of every attribute, or they do not hold. What is told in any format is known; what is not told "
    "counts where the "
    f"format surely gets more than {100 * LEAST:.0f} % of real words right and not surely less than "
    f"{100 * READABLE:.0f} %; where that is open, what the format loses of real words is given back.",
    f"Before anything is claimed of words that are drawn, they must surely be drawn (chance-corrected above {KNOWN}) "
    "and be put together: at least half as many whole pictures of new combinations as shares of attributes "
    "imply. These conditions are decided each by itself, at 95 %.",
    "What is counted: words of the lexicons asked, as one training of one model left them, and combinations of the "
    "concept world. Nothing is said of another training, another lexicon or another model; several trainings of one "
    "model stand apart. Intervals are over words and, where pictures were drawn or seen, over combinations: a "
    "drawing counts "
    "for four words.",
)


def _caveats(subjects: Sequence[Subject]) -> list[str]:
    caveats = [
        "Likelihoods are compared among the values of one attribute, which gives away what kind of answer is wanted; "
        "free recall does not."
    ]
    for subject in subjects:
        name, left = subject.name, subject.evidence
        if left.unjudged:
            caveats.append(f"{name}: {left.unjudged} records have not been judged and count nowhere.")
        if left.drawings and len(left.seeds) < 3:
            caveats.append(f"{name}: drawn with fewer than three seeds ({len(left.seeds)}).")
        if not subject.card.taught:
            caveats.append(
                f"{name} was taught no invented words. To tell the meaning of a real word is to repeat it, so real "
                "words show whether the instrument can be read on this model, not whether there is aphasia."
            )
    return caveats
