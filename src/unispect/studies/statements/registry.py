"""All statements, in the order of docs/studies/statements.md."""

from __future__ import annotations

from unispect.studies.statements import embedding, headline, layers, modalities, replies
from unispect.studies.statements.base import Statement

STATEMENTS: tuple[Statement, ...] = (
    *embedding.STATEMENTS,
    *layers.STATEMENTS,
    *modalities.STATEMENTS,
    *replies.STATEMENTS,
    *headline.STATEMENTS,
)
