"""The product's findings from records: the views themselves, without the tables and figures no verdict rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from unittest.mock import patch

from unispect.core.cards import ModelCard
from unispect.core.findings import Finding, Section, Table
from unispect.core.units import Entry
from unispect.studies.concepts import view as concepts_view
from unispect.studies.encoding import view as encoding_view
from unispect.studies.families import view as families_view
from unispect.studies.mechanism import view as mechanism_view
from unispect.studies.response import view as response_view
from unispect.studies.statements import view as statements_view

Cards = Mapping[str, ModelCard]
Studies = Mapping[str, Sequence[Entry]]

SEVERAL = ("tables", "figures", "gallery", "contrasts")
ONE = ("question_table", "name_table", "cure_table", "paper_table", "_table", "_makings", "_outside", "_inside")
"""What views make besides findings, by name; it takes most of the time."""


def concepts(entries: Sequence[Entry], cards: Cards) -> Sequence[Finding]:
    """Of the concepts study."""
    with _findings_only(concepts_view):
        return concepts_view.view(entries, cards).findings


def encoding(entries: Sequence[Entry], cards: Cards) -> Sequence[Finding]:
    """Of the encoding study."""
    with _findings_only(encoding_view):
        return encoding_view.view(entries, cards).findings


def response(entries: Sequence[Entry], cards: Cards) -> Sequence[Finding]:
    """Of the response study."""
    with _findings_only(response_view), patch.object(response_view, "_figure", lambda *_: None):
        return response_view.view(entries, cards).findings


def statements(entries: Studies, cards: Cards) -> Sequence[Finding]:
    """Of the published statements."""
    return _of(statements_view.view(entries, cards))


def families(entries: Studies, cards: Cards) -> Sequence[Finding]:
    """Of families side by side."""
    with _findings_only(families_view):
        return _of(families_view.view(entries, cards))


def mechanism(entries: Studies, cards: Cards) -> Sequence[Finding]:
    """Of gaps against layers."""
    return _of(mechanism_view.view(entries, cards))


def _of(section: Section | None) -> Sequence[Finding]:
    return section.findings if section else ()


@contextmanager
def _findings_only(view: ModuleType) -> Iterator[None]:
    """The view makes no tables and figures meanwhile."""
    empty = Table("none", "", (), ())
    several = {name: lambda *_, **__: () for name in SEVERAL if hasattr(view, name)}
    one = {name: lambda *_, **__: empty for name in ONE if hasattr(view, name)}
    with patch.multiple(view, **several, **one):
        yield
