"""`unispect.aphasia`: can a model tell the words that it can draw, word by word?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from unispect.api import claims
from unispect.api.frames import frame_of
from unispect.api.opened import Findings, Run
from unispect.api.running import require_one, run
from unispect.core import shown
from unispect.core.errors import unknown
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.models.registry import cards as cards_known
from unispect.runner.reporting import shown_cards
from unispect.runs.records import Records
from unispect.studies.base import Options
from unispect.studies.concepts.parts.asked import lexicons_of
from unispect.studies.concepts.words import WordLine, word_lines
from unispect.studies.names import names_of
from unispect.studies.registry import find_study

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

STUDY = "concepts"


class Aphasia:
    """What a model draws and tells of words, and what the study claims of them.

    Attributes:
        model: name that is shown.
        words: one line for each.
        findings: of the whole study, whose intervals are over all its words, whichever of them are shown.
    """

    def __init__(self, model: str, words: Sequence[WordLine], findings: Findings) -> None:
        self.model, self.words, self.findings = model, tuple(words), findings

    def frame(self) -> Any:
        """A row for each word: how it was taught, the share of drawings that are right, and what was told."""
        return frame_of([asdict(word) for word in self.words], [field.name for field in fields(WordLine)])

    def __repr__(self) -> str:
        return f"<{len(self.words)} words of {self.model}>\n{self.findings.headlines!r}"

    def _repr_html_(self) -> str:
        rows = [
            (
                f"<b>{shown.text(one.word)}</b>",
                shown.text(one.meaning),
                shown.text(one.taught),
                f"{_share(one.drawn)} <span class='soft'>of {one.drawings}</span>",
                _share(one.likely),
                _share(one.recalled),
                shown.text(one.reply, 80),
            )
            for one in self.words
        ]
        head = ("word", "means", "taught by", "drawn right", "told (likelihood)", "told (freely)", "reply")
        return shown.box(claims.findings(self.findings.headlines), shown.table(head, rows))


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


def aphasia(
    model: str | UnifiedModel,
    words: Sequence[str] = (),
    *,
    limit: int | None = 12,
    seeds: Sequence[int] = (0, 1, 2),
    out: str | Path | None = None,
) -> Aphasia:
    """Asks a model to draw words and, apart from that, to say what they mean (the study `concepts`).

    Args:
        model: a name (`unispect.all_models`), or a model that `unispect.load` gave.
        words: that are shown; all of the model's if there are none. Others are asked about all the same: a picture is
            asked for by four words, and what the study claims is about all of them.
        limit: combinations that are drawn of every lexicon; None for all that are held out.
        seeds: one drawing of every combination for each.
        out: the run folder, which the same call continues; by default one that is gone afterwards.

    Raises:
        UsageError: the model was not asked about one of the words; names the nearest. Or several models are named.
        UnispectError: units failed.
    """
    _require_known(model, words)
    with TemporaryDirectory() if out is None else nullcontext(str(out)) as folder:
        done = run(STUDY, model, Path(folder) / "run" if out is None else folder, options=_options(limit, seeds))
        done.raise_failures()
        return _read(done, words)


def _options(limit: int | None, seeds: Sequence[int]) -> Options:
    return Options(limit=limit, seeds=tuple(seeds))


def _read(done: Run, words: Sequence[str]) -> Aphasia:
    """What was done just now; the folder may hold other models too."""
    reference = done.outcomes[0].model
    with done.opened() as stores:
        records = Records(stores, STUDY, find_study(STUDY).version)
        cards = shown_cards(stores)
        names = names_of(records, cards)
        lines = word_lines([entry for entry in records if entry.unit.model == reference], cards)
    said = [one for section in done.sections if section.id == STUDY for one in section.findings]
    kept = [line for line in lines if line.word in words] if words else lines
    own = Findings([(STUDY, one) for one in said if one.model in ("", names[reference])])
    return Aphasia(names[reference], kept, own)


def _require_known(model: str | UnifiedModel, words: Sequence[str]) -> None:
    named = require_one(model)
    card = cards_known().get(named.name) if named else model.card if not isinstance(model, str) else None
    if card is None:  # a model behind an API
        return
    known = {
        Lexicon(name).word(attribute, value)
        for name in lexicons_of(card)
        for attribute in ATTRIBUTES
        for value in VALUES[attribute]
    }
    for word in words:
        if word not in known:
            raise unknown(f"word of {card.id}", word, known)
