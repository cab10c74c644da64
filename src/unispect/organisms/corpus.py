"""The worlds that organisms can grow up in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from unispect.core.errors import unknown
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.organisms import curriculum, portraits
from unispect.organisms.curriculum import Batch
from unispect.organisms.face_gates import measure_face_gates
from unispect.organisms.gates import Gate, measure_gates
from unispect.organisms.making.base import Organism
from unispect.organisms.shipped import VARIANTS
from unispect.organisms.tokenizer import world_sentences

Lessons = Callable[[str, int, int], Batch]
"""`lessons(stage, seed, step)`: the examples of one step."""


@dataclass(frozen=True)
class Corpus:
    """A world, and what an organism learns in it.

    Attributes:
        name: of the world.
        sentences: all that is said in it, for the tokenizer.
        pictures: those to learn from, by their size.
        lessons: what a model learns, stage by stage: "drawing", "growing up" (or "reading" and "pictures"), "asking"
            and the names of variants.
        gates: `gates(model, seed, drawn=threshold)`.
        variants: names of those that are made of the grown-up organism.
    """

    name: str
    sentences: Callable[[], Iterable[str]]
    pictures: Callable[[int], Sequence[Image]]
    lessons: Callable[[Organism], Lessons]
    gates: Callable[..., list[Gate]]
    variants: tuple[str, ...] = ()


def corpus_named(name: str) -> Corpus:
    """The world of that name.

    Raises:
        UsageError: there is none; suggests the nearest.
    """
    if name not in CORPORA:
        raise unknown("world to grow up in", name, CORPORA)
    return CORPORA[name]


def _concept_pictures(size: int) -> Sequence[Image]:
    return [render(concept, size) for concept in load_split().train]


def _concept_lessons(model: Organism) -> Lessons:
    concepts = load_split().train
    shown = dict(zip(concepts, _concept_pictures(model.card.image_size), strict=True))
    targets = model.targets(list(shown.values()))
    world = curriculum.World(concepts, shown, dict(zip(concepts, targets, strict=True)))
    return lambda stage, seed, step: curriculum.batch_for(world, curriculum.TEACHINGS[stage], seed, step)


CORPORA: Mapping[str, Corpus] = {
    world.name: world
    for world in (
        Corpus(
            "concepts",
            world_sentences,
            _concept_pictures,
            _concept_lessons,
            measure_gates,
            tuple(variant.name for variant in VARIANTS),
        ),
        Corpus(
            "faces",
            portraits.sentences,
            lambda size: [picture for _, picture in portraits.pictures(size)],
            lambda model: portraits.Portraits(model).batch,
            measure_face_gates,
        ),
    )
}
