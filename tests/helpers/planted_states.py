"""A model whose states are planted: how many distinct rows a prompt has, and which of them a reply repeats.

All distinct rows are equally far from each other, so every entropy has a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from PIL import Image

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Modality, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.core.seeds import generator_for

DISTANCE = 1000.0
TEMPLATE = 3

CARD = ModelCard(
    id="planted",
    family="fake",
    paradigm="none",
    parameters=None,
    image_size=64,
    image_tokens=16,
    capabilities=frozenset({"write", "draw", "see", "probe"}),
)


def equidistant(numbers: Sequence[int], width: int) -> torch.Tensor:
    """Rows [len(numbers), width]: equal numbers are equal rows, different ones lie `DISTANCE` apart."""
    rows = torch.zeros(len(numbers), width)
    rows[torch.arange(len(numbers)), torch.as_tensor(numbers, dtype=torch.long)] = DISTANCE / math.sqrt(2)
    return rows


def entropy(counts: Sequence[int], coupling: float, alpha: float = 1.01) -> float:
    """Bits of equidistant rows with these multiplicities, `coupling` being the kernel between different ones."""
    p = np.asarray(counts) / sum(counts)
    gram = np.sqrt(np.outer(p, p)) * np.where(np.eye(len(p), dtype=bool), 1.0, coupling)
    values = np.linalg.eigvalsh(gram)
    values = values[values > 1e-15]
    return float(np.log2((values**alpha).sum()) / (1 - alpha))


FAR = 0.0
"""Coupling at sigma = 1: exp(-1000^2 / 2)."""
HALF_MEDIAN = math.exp(-2)
"""Coupling at half the (common) distance."""


@dataclass
class Planted:
    """The protocol, as far as the studies of states use it.

    Attributes:
        rows: modality -> content rows of a prompt.
        distinct: modality -> for every layer the distinct rows among them, all equally frequent.
        echo: goal -> for every layer the share of a reply's rows that repeat rows of its prompt.
        reply_rows: goal -> rows of a reply.
        spoil: text of prompts whose states hold NaN from layer 1 on.
        row_count: overrides `rows` for a text.
        refuse: text of prompts that cannot be encoded.
        progress: share of its echo that a picture has at a step of drawing.
    """

    rows: Mapping[Modality, int]
    distinct: Mapping[Modality, Sequence[int]]
    echo: Mapping[Goal, Sequence[float]] = field(default_factory=dict)
    reply_rows: Mapping[Goal, int] = field(default_factory=dict)
    spoil: str = ""
    row_count: Callable[[str], int | None] = lambda text: None
    refuse: str = ""
    progress: Callable[[int], float] = lambda at: 1.0
    card: ModelCard = CARD
    batches: list[int] = field(default_factory=list)

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        segments = []
        for prompt in prompts:
            if self.refuse and prompt.text == self.refuse:
                raise DataError("the prompt is too long")
            modality: Modality = "image" if prompt.images else "text"
            stop = TEMPLATE + (self.row_count(prompt.text) or self.rows[modality])
            parts = [Segment(0, TEMPLATE, "text", "template"), Segment(TEMPLATE, stop, modality, "prompt")]
            segments.append(tuple(part for part in parts if len(part)))
        self.batches.append(len(prompts))
        return Encoded(goal, tuple(segments), tuple(prompts))

    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        m = self.reply_rows[Goal.TEXT]
        return [TextReply(f"<b>{seed % 7}</b>", tuple(range(m)), (-0.5,) * m, True) for seed in how.seeds]

    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        tokens = np.arange(self.reply_rows[Goal.IMAGE])
        return [ImageReply(Image.new("RGB", (8, 8), (seed % 256, 0, 0)), seed, tokens=tokens) for seed in how.seeds]

    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[torch.Tensor]:
        raise NotImplementedError

    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        prompts = encoded.inputs
        assert isinstance(prompts, tuple)
        for layer in range(len(self.distinct["text"])):
            rows, segments = [], []
            for index, prompt in enumerate(prompts):
                own = encoded.segments[index]
                modality = own[-1].modality
                # with replies every prompt has rows of its own; 0..2 are the template's
                start = TEMPLATE + (32 * place_of(prompt) if self.echo else 0)
                content = [start + i % self.distinct[modality][layer] for i in range(len(own[-1]))]
                numbers = [*range(TEMPLATE), *content]
                if replies is not None:
                    m = self.reply_rows[encoded.goal]
                    echoed = round(m * self.echo[encoded.goal][layer] * self.progress(at))
                    foreign = [330 + i for i in range(m - echoed)]  # no prompt's own
                    numbers += [content[i % len(content)] for i in range(echoed)] + foreign
                    said: Modality = "text" if isinstance(replies[index], TextReply) else "image"
                    own = (*own, Segment(own[-1].stop, own[-1].stop + m, said, "response"))
                made = equidistant(numbers, 460 if self.echo else 64)
                if self.spoil and prompt.text == self.spoil and layer:
                    made[-1, 0] = math.nan
                rows.append(made)
                segments.append(own)
            yield LayerState(layer, tuple(rows), tuple(segments), LAST if replies else 0)


def place_of(prompt: Prompt) -> int:
    """0 to 9, different for prompts whose last letters follow each other in the alphabet."""
    return ord(prompt.text[-1]) % 10 if prompt.text else 5


@dataclass(frozen=True)
class Shape:
    """How the states of one modality lie.

    Attributes:
        rank: dimensions in which they vary.
        scale: of their distances.
        shift: of all of them, along a direction of the modality's own.
    """

    rank: int = 12
    scale: float = 1.0
    shift: float = 0.0


@dataclass
class Shaped(Planted):
    """Rows of every prompt and reply are normal, of a law that their modality has; nothing else differs.

    Attributes:
        shapes: of the modalities.
        turn: seed of a rotation of everything; none for None.
        template: value of the rows of templates, and how many there are.
        filler: rows without content in front of the template.
        relation: share of a reply's rows that are its prompt's own, up to noise.
    """

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    turn: int | None = None
    template: tuple[float, int] = (1.0, TEMPLATE)
    filler: int = 0
    relation: float = 0.0
    width: int = 24
    depth: int = 2

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        segments = []
        for prompt in prompts:
            modality: Modality = "image" if prompt.images else "text"
            edges = np.cumsum([0, self.filler, self.template[1], self.row_count(prompt.text) or self.rows[modality]])
            named = (("text", "filler"), ("text", "template"), (modality, "prompt"))
            parts = [Segment(int(a), int(b), *name) for (a, b), name in zip(pairwise(edges), named, strict=True)]
            segments.append(tuple(part for part in parts if len(part)))
        return Encoded(goal, tuple(segments), tuple(prompts))

    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        prompts = encoded.inputs
        assert isinstance(prompts, tuple)
        for layer in range(self.depth):
            rows, segments = [], []
            for index, prompt in enumerate(prompts):
                own = encoded.segments[index]
                name = prompt.text or str(np.asarray(prompt.images[0]).sum(axis=(0, 1)).tolist())
                latent = self._latent(name, len(own[-1]), "prompt", layer)
                parts = [
                    torch.full((self.filler, self.width), 1e4),
                    torch.full((self.template[1], self.width), self.template[0]),
                    self._placed(latent, own[-1].modality),
                ]
                if replies is not None:
                    m = self.reply_rows[encoded.goal]
                    said: Modality = "text" if isinstance(replies[index], TextReply) else "image"
                    repeated = round(self.relation * m)
                    noise = 0.1 * self._latent(name, repeated, f"noise {said}", layer)
                    answer = self._latent(name, m - repeated, f"reply {said}", layer)
                    reply = torch.cat([latent[torch.arange(repeated) % len(latent)] + noise, answer])
                    parts.append(self._placed(reply, said))
                    own = (*own, Segment(own[-1].stop, own[-1].stop + m, said, "response"))
                rows.append(torch.cat(parts).float())
                segments.append(own)
            yield LayerState(layer, tuple(rows), tuple(segments), LAST if replies else 0)

    def _latent(self, name: str, count: int, what: str, layer: int) -> torch.Tensor:
        return torch.from_numpy(generator_for("shaped", name, what, layer).normal(size=(count, self.width)))

    def _placed(self, latent: torch.Tensor, modality: Modality) -> torch.Tensor:
        shape = self.shapes.get(modality, Shape())
        rows = shape.scale * latent.clone()
        rows[:, shape.rank :] = 0
        rows += shape.shift * torch.from_numpy(generator_for("shaped", "direction", modality).normal(size=self.width))
        if self.turn is not None:
            square = torch.from_numpy(generator_for("shaped", "turn", self.turn).normal(size=(self.width, self.width)))
            rows = rows @ torch.linalg.qr(square)[0]
        return rows
