"""What the faces study claims, and when the data support it (what it takes: `unispect.studies.aphasia.groups`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Finding
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.world import ATTRIBUTES
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.claims import compared, mastery
from unispect.studies.aphasia.comparison import NEVER, Comparison
from unispect.studies.aphasia.pictures import Pictures
from unispect.studies.faces.comparison import SHOWN
from unispect.studies.verdicts import shown


def findings(groups: Sequence[Comparison]) -> Iterator[Finding]:
    """The findings about all models: names, held-out names, descriptions. Verdicts are given by `settled`."""
    for one in groups:
        if one.taught == REAL:
            yield _described(one)
        else:
            id = one.called.replace(" ", "-")
            yield compared(one, id, headline=one.taught != NEVER, more=_by_attribute(one))


def _by_attribute(one: Comparison) -> list[str]:
    if not one.drawn.words or not one.told().words:
        return []
    each = ", ".join(
        f"{attribute} {shown(scores.gap(one.drawn.of(attribute), one.told()))}" for attribute in ATTRIBUTES
    )
    return [f"Gap by attribute: {each}."]


def _described(one: Comparison) -> Finding:
    """Whether descriptions are mastered: without that, failing on names says little."""
    subject = one.subject
    described = subject.evidence.drawn(REAL, "description")
    parts = {
        "drawn from descriptions": scores.draw_scores(described, subject.world),
        "told from descriptions": one.told(),
        "told when shown the picture": one.told(SHOWN),
    }
    what = "Descriptions are mastered: drawn, told, and told of pictures shown"
    return mastery(subject, "descriptions", what, parts, Pictures.of(described), one.told().chance)
