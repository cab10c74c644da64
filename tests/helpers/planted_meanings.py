"""A model in whose states meanings are planted: real words are known everywhere, others at known layers and places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST as FINISHED
from unispect.core.encoded import Encoded, LayerState
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.seeds import generator_for
from unispect.data.concepts.lexicons import LEXICONS, REAL, Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.probing_attributes.records import LAST, START, WORD

LAYERS, WIDTH, LOUDNESS = 3, 24, 6.0
TEMPLATE = {Goal.TEXT: (" Answer", ":"), Goal.IMAGE: (" Picture", "<begin>")}
CARD = ModelCard(
    id="planted",
    family="fake",
    paradigm="none",
    parameters=None,
    image_size=64,
    image_tokens=16,
    capabilities=frozenset({"write", "draw", "probe"}),
    taught={"drawing": "drawing", "text": "text", "both": "both"},
)


class Vocabulary:
    """A tokenizer of whole words."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.numbers: dict[str, int] = {}

    def ids(self, tokens: Sequence[str]) -> torch.Tensor:
        for token in tokens:
            if token not in self.numbers:
                self.numbers[token] = len(self.texts)
                self.texts.append(token)
        return torch.tensor([self.numbers[token] for token in tokens])

    def decode(self, ids: Sequence[int], skip_special_tokens: bool) -> str:
        return "".join(self.texts[number] for number in ids)


@dataclass
class Meanings:
    """The protocol, as far as probes use it.

    Attributes:
        written: goal and lexicon -> place and layer at which the meanings of its words stand.
        apart: drawing and telling keep meanings in memories of their own, which have nothing in common.
        spoilt: a layer whose states are not finite.
        card: of the model.
    """

    written: Mapping[tuple[Goal, str], Sequence[tuple[str, int]]] = field(default_factory=dict)
    apart: bool = False
    spoilt: int | None = None
    card: ModelCard = CARD
    processor: Any = field(default_factory=lambda: SimpleNamespace(tokenizer=Vocabulary()))

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        # the last word is not the last row of the prompt, so that both are places of their own
        tokens = [("<bos>", *re.findall(r" ?\S+", prompt.text), " .", *TEMPLATE[goal]) for prompt in prompts]
        segments = []
        for own in tokens:
            end = len(own) - len(TEMPLATE[goal])
            parts = ((0, 1, "template"), (1, end, "prompt"), (end, len(own), "template"))
            segments.append(tuple(Segment(start, stop, "text", role) for start, stop, role in parts))  # type: ignore[arg-type]
        ids = tuple(self.processor.tokenizer.ids(own) for own in tokens)
        return Encoded(goal, tuple(segments), SimpleNamespace(ids=ids, texts=[prompt.text for prompt in prompts]))

    def states(self, encoded: Encoded, replies: object = None, *, at: int = FINISHED) -> Iterator[LayerState]:
        inputs: Any = encoded.inputs
        rows = [self._rows(text, encoded, sample) for sample, text in enumerate(inputs.texts)]
        for layer in range(LAYERS):
            yield LayerState(layer, tuple(torch.tensor(own[layer]) for own in rows), encoded.segments)

    def _rows(self, text: str, encoded: Encoded, sample: int) -> np.ndarray:
        goal, length = encoded.goal, encoded.length(sample)
        rows = generator_for("planted noise", text, goal).normal(size=(LAYERS, length, WIDTH))
        last = length - len(TEMPLATE[goal]) - 1
        before = ["", *re.findall(r" ?\S+", text)]
        for lexicon, attribute, value, word in meanings():
            found = list(re.finditer(rf"(?<!\w){word}(?!\w)", text))
            if not found:
                continue
            code = self.code(goal, attribute, value)
            token = next(at for at in range(1, length) if len("".join(before[: at + 1])) >= found[-1].end())
            places = {WORD: token, LAST: last, START: length - 1}
            if lexicon == REAL:
                rows[:, token:] += code
            for place, layer in self.written.get((goal, lexicon), ()):
                rows[layer, places[place]] += code
        if self.spoilt is not None:
            rows[self.spoilt] = np.nan
        return rows.astype(np.float32)

    def code(self, goal: Goal, attribute: str, value: str) -> np.ndarray:
        """The direction [width] that stands for a value."""
        found = generator_for("planted code", attribute, value, goal if self.apart else "").normal(size=WIDTH)
        return LOUDNESS * found / np.linalg.norm(found)


@cache
def meanings() -> tuple[tuple[str, str, str, str], ...]:
    """Lexicon, attribute, value and word."""
    lexicons = [Lexicon(name) for name in (REAL, *LEXICONS)]
    return tuple(
        (one.name, a, value, one.word(a, value)) for one in lexicons for a in ATTRIBUTES for value in VALUES[a]
    )
