"""Pictures of which the answers are known: drawn worlds, a study's own, and a user's. Graders are shown them like any.

Of yes/no questions about a picture half are to be answered yes, whatever the picture. Questions with several options
are asked as the study asks them. Order and draws follow from a seed of their own, so that a longer list only adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from PIL.Image import Image

from unispect.core.errors import DataError
from unispect.core.seeds import generator_for
from unispect.core.units import JSON
from unispect.data.concepts import world as concepts
from unispect.data.concepts.render import render
from unispect.data.faces import world as faces
from unispect.data.images import file_sha256
from unispect.data.json_lines import Row, json_rows
from unispect.data.locations import location_of, picture_from
from unispect.studies.questions import NO, UNCLEAR, YES, Known, Question

CONCEPTS, FACES, PHOTOGRAPHS = "rendered shapes", "drawn faces", "photographs"
"""Where known pictures come from."""
SIZE: Final = 384
"""Side of rendered pictures in pixels."""
MOST: Final = 500
"""Known pictures of one source at most."""

T = TypeVar("T")
Asked = Callable[[str, str], str]
"""From an attribute and a value to the question whether a picture shows it."""


def picture_of(picture: Mapping[str, JSON], locations: Mapping[str, JSON]) -> Image:
    """The picture that `Known.picture` describes: a concept, a face or a file.

    Raises:
        DataError: the file is gone, damaged or another one.
        UsageError: what draws portraits is not installed.
    """
    told = cast(Mapping[str, Any], picture)
    if "concept" in told:
        return render(concepts.Concept(**told["concept"]), told["size"])
    if "face" in told:
        from unispect.data.faces.portrait import draw  # what draws portraits is an extra

        return draw(faces.Face.of(told["face"]), told["size"], seed=told["seed"])
    return picture_from(told["sha256"], locations)


def drawn_worlds() -> Iterator[Known]:
    """Rendered shapes and drawn faces in turn, asked by yes and no."""
    shapes = asked_yes_no(shown_concepts(), concepts.VALUES, about_concept)
    return (
        one for pair in zip(shapes, asked_yes_no(shown_faces(), faces.VALUES, about_face), strict=False) for one in pair
    )


def in_turn(*several: Iterator[T]) -> Iterator[T]:
    """One of each, then the next of each; what is left of longer ones behind."""
    return (one for some in zip_longest(*several) for one in some if one is not None)


def shown_concepts() -> Iterator[Known]:
    """Rendered combinations of the concept world in random order, with their values and no question yet."""
    every = list(concepts.all_concepts())
    for index in generator_for("known concepts").permutation(len(every))[:MOST]:
        values = every[int(index)].values
        yield Known(source=CONCEPTS, picture={"concept": values, "size": SIZE}, questions=(), answers=values)


def shown_faces() -> Iterator[Known]:
    """Drawn faces likewise; each combination once."""
    every = list(faces.all_faces())
    for index in generator_for("known faces").permutation(len(every))[:MOST]:
        values = every[int(index)].values
        picture: dict[str, JSON] = {"face": values, "size": SIZE, "seed": f"known {index}"}
        yield Known(source=FACES, picture=picture, questions=(), answers=values)


def asked_yes_no(shown: Iterator[Known], options: Mapping[str, Sequence[str]], asked: Asked) -> Iterator[Known]:
    """One question per attribute; to every other one, starting anywhere, the right answer is yes.

    Where it is no, another value is asked about, each as likely.
    """
    for one in shown:
        draw = generator_for("known yes and no", str(sorted(one.answers.items())))
        order = [list(options)[int(index)] for index in draw.permutation(len(options))]
        questions, answers = [], {}
        for place, attribute in enumerate(order, int(draw.integers(2))):
            true = one.answers[attribute]
            value = true if place % 2 else str(draw.choice([other for other in options[attribute] if other != true]))
            questions.append(Question(id=attribute, text=asked(attribute, value)))
            answers[attribute] = YES if value == true else NO
        yield replace(one, questions=tuple(questions), answers=answers)


def asked_choices(shown: Iterator[Known], questions: Sequence[Question]) -> Iterator[Known]:
    """The same questions about each, whose ids are attributes."""
    for one in shown:
        yield replace(
            one, questions=tuple(questions), answers={question.id: one.answers[question.id] for question in questions}
        )


def about_concept(attribute: str, value: str) -> str:
    """Whether a picture of the concept world shows a value."""
    if attribute == "shape":
        return f"Is the black figure in the picture a {value}?"
    if attribute == "color":
        return f"Is the background of the picture {value}?"
    if attribute == "position":
        return f"Is the black figure in the {value} corner of the picture?"
    if value == "solid":
        return "Is the background of the picture plain, without a white pattern?"
    return f"Does the background of the picture carry a {value} pattern in white?"


def about_face(attribute: str, value: str) -> str:
    """Whether a picture shows a face with a value."""
    if attribute == "accessories":
        worn = "no accessories" if value == "none" else f"this accessory: {value}"
        return f"Does the person in the picture wear {worn}?"
    return f"Does the person in the picture have the {attribute} {value}?"


def of_user(file: Path) -> tuple[Known, ...]:
    """A user's known pictures: JSON lines with `picture` (a file, from the folder of this one), `question`, `answer`
    and, unless the answer is yes or no, `options`. Lines with the same picture are asked together.

    Raises:
        DataError: a line is not of that form, or a picture cannot be read.
    """
    by_picture: dict[Path, list[tuple[Question, str]]] = {}
    for row in json_rows(file, "known pictures from"):
        path = file.parent / _text(row, "picture")
        own = by_picture.setdefault(path, [])
        own.append(_asked(row, len(own)))
    if not by_picture:
        raise DataError(f"{file} holds no known pictures: a line each, with picture, question, options and answer")
    return tuple(_known(path, asked, file.name) for path, asked in by_picture.items())


def _known(path: Path, asked: Sequence[tuple[Question, str]], source: str) -> Known:
    sha256 = file_sha256(path)
    return Known(
        source=source,
        picture={"sha256": sha256},
        questions=tuple(question for question, _ in asked),
        answers={question.id: answer for question, answer in asked},
        locations={sha256: location_of(path)},
    )


def _asked(row: Row, number: int) -> tuple[Question, str]:
    options = row.fields.get("options", [YES, NO])
    if not isinstance(options, list) or len(options) < 2 or not all(isinstance(one, str) and one for one in options):
        raise DataError(f"{row.where}: 'options' must be a list of two texts or more, not {options!r:.60}")
    if len(set(options)) < len(options) or UNCLEAR in options:
        raise DataError(f"{row.where}: options must differ, and {UNCLEAR!r} is one already")
    answer = _text(row, "answer")
    if answer not in options:
        raise DataError(f"{row.where}: 'answer' {answer!r:.60} is none of {', '.join(options)}")
    return Question(id=str(number), text=_text(row, "question"), options=tuple(options)), answer


def _text(row: Row, key: str) -> str:
    value = row.fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{row.where} has no text under {key!r}")
    return value.strip()
