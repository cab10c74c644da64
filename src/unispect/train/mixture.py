"""What a binding run learns, step by step: new words by drawing or by text, and something known beside them.

Every step holds the same number of examples of each kind. Which they are depends on the recipe, its seed and the step
alone, so neither a stop nor the number of devices changes what is learned.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt
from unispect.core.seeds import seed_for
from unispect.data.captions import Captioned, load_captions
from unispect.data.concepts.render import MIN_SIZE
from unispect.models.base import Example, Trainable
from unispect.train.alignment import aligned, practised
from unispect.train.examples import ExampleSpec, Pictured, Rounds, Stream, picture_of
from unispect.train.recipe import CAPTIONS, WORLD, Recipe
from unispect.train.riddles import riddled
from unispect.train.streams import Known, Lessons, streams_of

_WORLD = {"draw": 8, "tell": 12, "look": 4}
"""Shares of what is known already: drawn, asked about, and pictures described."""


@dataclass(frozen=True)
class DataMixture:
    """All streams of a recipe.

    Attributes:
        recipe: what was asked for.
        size: side of the pictures.
        streams: new words first, then what is learned beside them.
    """

    recipe: Recipe
    size: int
    streams: tuple[Stream, ...]
    _targets: dict[Pictured, Tensor] = field(default_factory=dict, repr=False)

    def sized(self, size: int) -> DataMixture:
        """The same with pictures of `size` pixels."""
        return replace(self, size=max(size, MIN_SIZE), _targets={})

    @property
    def steps(self) -> int:
        """Optimiser steps: as stated, or until every prompt of the first list was learned as often as stated.

        Raises:
            UsageError: epochs are stated, but all is drawn at random.
        """
        if self.recipe.steps is not None:
            return self.recipe.steps
        assert self.recipe.epochs is not None
        rounds = [stream.items / stream.per_step for stream in self.streams if stream.items and stream.per_step]
        if not rounds:
            raise UsageError("'epochs' counts prompts of a list, but nothing here is learned from one; say 'steps'")
        return -int(-self.recipe.epochs * rounds[0] // 1)

    def specs(self, step: int) -> list[ExampleSpec]:
        """The examples of a step: drawings first, and long prompts beside long ones."""
        found: list[ExampleSpec] = []
        for stream in self.streams:
            rng = random.Random(seed_for("course", self.recipe.seed, stream.name, step))
            for index in range(stream.per_step):
                spec = stream.spec(step * stream.per_step + index, rng)
                empty = spec.draws and rng.random() < self.recipe.unconditional
                seed = seed_for("course noise", self.recipe.seed, stream.name, step, index)
                found.append(replace(spec, unconditional=empty, seed=seed))
        return sorted(found, key=lambda spec: (not spec.draws, spec.seen is None, -len(spec.text)))

    def example(self, spec: ExampleSpec, model: Trainable) -> Example:
        """A specified example with its pictures; targets of all but captioned ones are made once."""
        parts = [spec.text] if spec.seen is None else [picture_of(spec.seen, self.size), spec.text]
        prompt = Prompt.of(*parts)
        if spec.picture is None:
            return Example(prompt, spec.answer, seed=spec.seed)
        return Example(prompt, self._target(spec.picture, model), spec.unconditional, spec.seed)

    def _target(self, picture: Pictured, model: Trainable) -> Tensor:
        # One by one: what a picture is learned as must not depend on which pictures came with it.
        if isinstance(picture, Captioned):
            return model.targets([picture_of(picture, self.size)])[0]
        if picture not in self._targets:
            self._targets[picture] = model.targets([picture_of(picture, self.size)])[0]
        return self._targets[picture]


def make_mixture(recipe: Recipe, size: int) -> DataMixture:
    """The streams of a recipe for a model that draws pictures of `size` pixels.

    Raises:
        UsageError: the recipe's data is not to be had, or a step has too few examples.
        DataError: the auxiliary pictures cannot be used.
    """
    lessons = streams_of(recipe)
    new, known = _taught_and_beside(recipe)
    if recipe.align:
        streams = aligned(recipe, recipe.align, new)
    elif recipe.riddles:
        streams = riddled(recipe.riddles, new)
    elif recipe.captioned:
        streams = [_captioned(recipe, _to_learn(recipe), new, "new captioned")]
    else:
        streams = _worded(recipe, lessons, new)
    streams += _beside(recipe, known, lessons.known)
    empty = [stream.name for stream in streams if stream.per_step < 1]
    if empty:
        raise UsageError(f"a batch of {recipe.batch} leaves no room for {', '.join(empty)}; raise 'batch'")
    return DataMixture(recipe, size, tuple(streams)).sized(size)


def _worded(recipe: Recipe, lessons: Lessons, count: int) -> list[Stream]:
    """The words of every lexicon, in its direction."""
    streams: list[Stream] = []
    shares = _shared(count, [(kind, name) for name, way in recipe.teach.items() for kind in _kinds(way)])
    for (kind, name), share in shares.items():
        shown = round(recipe.recognise * share) if kind == "draw" else 0
        streams.append(lessons.taught(kind, name, share - shown))
        streams += [lessons.taught("recognise", name, shown)] if shown else []
    return streams


def _to_learn(recipe: Recipe) -> list[Captioned]:
    """The captioned pictures that a recipe is about, with other words in the place of those to rename.

    Raises:
        UsageError: it does not say which ones, or a caption holds none of the words, so nothing would be bound by it.
        DataError: they cannot be used.
    """
    source, names = recipe.data.removeprefix(CAPTIONS), recipe.rename
    if not source:
        raise UsageError(
            "the recipe learns captioned pictures that do not come with this package: give them with "
            f"--data {CAPTIONS}FOLDER"
        )
    pictures = load_captions(source)
    if not names:
        return list(pictures)
    words = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b", re.IGNORECASE)
    lower = {word.lower(): name for word, name in names.items()}
    for one in pictures:
        if not words.search(one.caption):
            raise UsageError(f"the caption of {one.path} holds none of the words to rename: {', '.join(names)}")
    return [replace(one, caption=words.sub(lambda m: lower[m[0].lower()], one.caption)) for one in pictures]


def _kinds(direction: str) -> Sequence[str]:
    return {"drawing": ("draw",), "text": ("tell",), "both": ("draw", "tell")}[direction]


def _taught_and_beside(recipe: Recipe) -> tuple[int, int]:
    beside = recipe.auxiliary.per_prompt if recipe.auxiliary else 0.0
    taught = round(recipe.batch / (1 + beside))
    return taught, recipe.batch - taught


def _shared(count: int, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """Equal parts of a count; the first ones get what is left."""
    return {name: count // len(names) + (index < count % len(names)) for index, name in enumerate(names)}


def _beside(recipe: Recipe, count: int, known: Known) -> list[Stream]:
    auxiliary = recipe.auxiliary
    if auxiliary is None:
        return []
    if not auxiliary.source:
        raise UsageError(
            f"the recipe learns other pictures beside the new words ({auxiliary.meant or 'any with captions'}), which "
            "do not come with this package: give them with --auxiliary FOLDER, or leave them out with --auxiliary none"
        )
    if auxiliary.source != WORLD:
        return [_captioned(recipe, load_captions(auxiliary.source), count, "captioned")]
    asked = round(count * auxiliary.requests)
    count -= asked
    parts = {kind: round(count * share / sum(_WORLD.values())) for kind, share in _WORLD.items()}
    parts["tell"] = count - parts["draw"] - parts["look"]
    streams = [Stream(f"real words, {kind}", part, known[kind]) for kind, part in parts.items()]
    return [*streams, practised(asked)] if asked else streams


def _captioned(recipe: Recipe, pictures: Sequence[Captioned], count: int, name: str) -> Stream:
    rounds = Rounds(len(pictures), (name, recipe.seed))

    def drawn(number: int, rng: random.Random) -> ExampleSpec:
        found = pictures[rounds.item(number)]
        return ExampleSpec(found.caption, picture=found)

    return Stream(f"{name} pictures", count, drawn, len(pictures))
