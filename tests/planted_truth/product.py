"""The product's findings from records, without the tables and figures that no verdict rests on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.core.units import Entry
from unispect.studies.concepts.claims import findings
from unispect.studies.concepts.comparison import Subject, comparisons
from unispect.studies.concepts.cured import cure_findings
from unispect.studies.concepts.evidence import evidence
from unispect.studies.concepts.retained import kept_of, retention
from unispect.studies.concepts.tellings import further
from unispect.studies.concepts.transfer import transfer_findings


def concepts(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Sequence[Finding]:
    """Of the concepts study, as its view has them."""
    by_model: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_model[entry.unit.model].append(entry)
    subjects = [Subject(cards[one], further(evidence(own), own)) for one, own in by_model.items()]
    compared = comparisons(subjects)
    _, keeps = retention([(s, kept_of(own)) for s, own in zip(subjects, by_model.values(), strict=True)])
    return (*findings(compared), *transfer_findings(compared), *cure_findings(compared), *keeps)
