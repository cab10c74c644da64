"""What it shows: a table of its own, and one beside other studies."""

from collections.abc import Mapping, Sequence

from toy import study
from unispect.core.cards import ModelCard
from unispect.core.findings import Section, Table
from unispect.core.units import Entry


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    rows = []
    for part in dict.fromkeys(entry.unit.kind for entry in entries):
        own = [entry for entry in entries if entry.unit.kind == part]
        rows.append((part, len(own), sum(bool(entry.grades["rules"].payload["answered"]) for entry in own)))
    return Section(
        id=study.name,
        title="Yes or no",
        lead=study.question,
        tables=(Table("toy-answers", "Answers", ("part", "asked", "yes or no"), tuple(rows)),),
    )


def beside_others(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    rows = tuple((name, len(own)) for name, own in entries.items())
    table = Table("toy-counts", "Records by study", ("study", "records"), rows)
    return Section(id="toy-beside", title="Beside the others", lead="How much there is.", tables=(table,), study=False)
