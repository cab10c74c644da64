"""What organisms learn that grow up with faces: the same for the same seed, nobody's name, nobody held out."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL.Image import Image

from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt
from unispect.data.faces.language import DESCRIBE, choice_question, described_question, description
from unispect.data.faces.people import all_people, load_people
from unispect.data.faces.world import VALUES, Face
from unispect.models.base import Example
from unispect.organisms import portraits
from unispect.organisms.corpus import CORPORA, corpus_named
from unispect.organisms.families import base_card
from unispect.organisms.portraits import COUNTS, Portraits, pictures, sentences
from unispect.organisms.tokenizer import DEEPSEEK, build_tokenizer

TOKENIZER = build_tokenizer(DEEPSEEK, sentences())


class Fake:
    """A model that only makes targets."""

    card = base_card("janus-flow")

    def targets(self, shown):
        return [picture.tobytes() for picture in shown]


@pytest.fixture(scope="module")
def shown() -> list[tuple[Face, Image]]:
    """Of every fourth person, drawn once: it takes longer than everything else here."""
    with pytest.MonkeyPatch.context() as patched:
        people = load_people()
        patched.setattr(portraits, "load_people", lambda: replace(people, train=people.train[::4]))
        return pictures(64)


@pytest.fixture(scope="module")
def lessons(shown: list[tuple[Face, Image]]) -> Iterator[Portraits]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(portraits, "pictures", lambda size: shown)
        yield Portraits(Fake())  # pyright: ignore[reportArgumentType]


def examples(lessons: Portraits, stage: str, steps: int, seed: int = 0) -> list[Example]:
    return [e for step in range(steps) for _, group in lessons.batch(stage, seed, step) for e in group]


@pytest.mark.slow
@pytest.mark.parametrize("stage", COUNTS)
def test_a_step_depends_on_stage_seed_and_step_alone(lessons: Portraits, stage: str) -> None:
    def said(seed: int, step: int) -> list[tuple[str, int]]:
        return [(e.prompt.text, e.seed) for _, group in lessons.batch(stage, seed, step) for e in group]

    assert said(1, 5) == said(1, 5)
    assert said(1, 5) != said(1, 6)
    assert said(1, 5) != said(2, 5)
    assert len(said(1, 5)) == sum(COUNTS[stage])


def test_nobody_is_named_and_nobody_held_out_is_shown_or_described(
    lessons: Portraits, shown: list[tuple[Face, Image]]
) -> None:
    found = examples(lessons, "growing up", 30)
    texts = " ".join(e.prompt.text for e in found)
    assert not [person.name for person in all_people() if person.name in texts]
    assert not [person.id for person in load_people().held_out if description(person.face) in texts]
    held = {person.face for person in load_people().held_out}
    assert not {face for face, _ in shown} & held


def test_descriptions_are_drawn_as_what_they_say(lessons: Portraits, shown: list[tuple[Face, Image]]) -> None:
    faces = {picture.tobytes(): face for face, picture in shown}
    drawn = [e for e in examples(lessons, "drawing", 4) if isinstance(e.reply, bytes)]
    assert len(drawn) == 96
    assert all(e.prompt == Prompt.of(description(faces[e.reply])) for e in drawn)  # pyright: ignore


def test_words_of_the_world_are_single_tokens_and_names_are_short() -> None:
    for values in VALUES.values():
        for value in values:
            assert len(TOKENIZER.encode(f" {value}").ids) == len(value.split()), value
    person = load_people().train[0]
    lettered = choice_question(described_question("hair color", person.face), VALUES["hair color"])
    for text in (description(person.face), DESCRIBE, lettered):
        assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text
    lengths = [len(TOKENIZER.encode(person.name).ids) for person in all_people()]
    assert max(lengths) <= 12
    assert len({tuple(TOKENIZER.encode(person.name).ids) for person in all_people()}) == 600


def test_worlds_are_known_by_name() -> None:
    assert set(CORPORA) == {"concepts", "faces"}
    assert corpus_named("faces").variants == ()
    with pytest.raises(UsageError, match="did you mean 'faces'"):
        corpus_named("face")
