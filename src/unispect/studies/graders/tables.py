"""What is to be said of who graded: errors on known pictures, scores corrected for them, and how far graders agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Final, NamedTuple

from unispect.core.findings import Cell, Section, Table
from unispect.core.typed import read_grade
from unispect.core.units import Entry, Grade, Unit
from unispect.metrics.crossed import crossed_mean
from unispect.metrics.misclassified import Erring, corrected, predicted
from unispect.metrics.raters import agreement, kappa
from unispect.runs.records import ways_of
from unispect.studies.base import RULES
from unispect.studies.graders.base import PERSON
from unispect.studies.graders.calibration import KIND, Recognised, recognised
from unispect.studies.graders.known import CONCEPTS, FACES, PHOTOGRAPHS
from unispect.studies.questions import NO, UNCLEAR, YES, Answers, Looking, Question, Wanted

ENOUGH: Final = 10
"""Known pictures of a source from which on a grader's error is taken from that source alone."""
_PREFERRED = ((PHOTOGRAPHS,), (CONCEPTS, FACES))
"""Sources whose pictures stand for each other, those most like what is graded first; a user's own come before."""
_YES_NO = {YES, NO}

METHODS: Final = (
    "Graders who look are shown pictures with known answers as well, asked in the same form: right is the share of "
    "right answers, sensitivity the share of yes where yes is right, specificity of no where no is right; of questions "
    "with several options, sensitivity is the share of right answers and specificity how rarely another option is "
    "named, on average over the others. 'Unclear' counts as an answer that is not right, in known pictures as in "
    "scores; what could not be read counts nowhere. Intervals are over pictures, whose questions stand together.",
    "Corrected scores are (says so - false alarms) / (sensitivity - false alarms), with an interval that carries the "
    "sampling of both pictures and known pictures (docs/graders.md); of a grader who is not surely better than chance "
    "nothing is said, and the interval is 0 to 1.",
)
CAVEAT: Final = (
    "How often a grader errs was measured on pictures that were rendered or drawn, or on those of a file: on pictures "
    "of another kind it may err more or less, and no interval holds that. The correction takes errors to be as "
    "frequent, given what is true, on the pictures that were graded."
)


class Asked(NamedTuple):
    """One question about one picture."""

    unit: str
    question: str


@dataclass
class Looked:
    """Everything that graders said of a study's records.

    Attributes:
        said: grader -> question of a picture -> answer.
        unread: grader -> questions of graded pictures without an answer that could be read.
        models: unit -> the model that left it.
        questions: what was asked.
        wanted: unit -> what would be right.
        known: what graders said of known pictures.
    """

    said: dict[str, dict[Asked, str]] = field(default_factory=lambda: defaultdict(dict))
    unread: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    models: dict[str, str] = field(default_factory=dict)
    questions: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)
    wanted: Mapping[str, Wanted] = field(default_factory=dict)
    known: Sequence[Recognised] = ()

    @cached_property
    def graders(self) -> tuple[str, ...]:
        """Who looked, rules apart."""
        names = {name for name in self.said if name != RULES} | {one.grader for one in self.known}
        return tuple(sorted(names))


def looked_at(entries: Sequence[Entry], looking: Looking) -> Looked:
    """What graders said of the entries of a study, known pictures among them."""
    own = [entry for entry in entries if entry.unit.kind != KIND]
    found = Looked(
        questions=looking.asking(own),
        wanted=looking.wanted(own) if looking.wanted else {},
        known=recognised(entries),
    )
    for entry in own:
        unit = entry.unit
        if unit.kind not in looking.kinds or unit.id not in found.questions:
            continue
        found.models[unit.id] = unit.model
        for name, grade in entry.grades.items():
            answers = answers_of(unit, grade, looking)
            if answers is None:
                continue
            for question in found.questions[unit.id]:
                said = answers.answers.get(question.id)
                if said is None:
                    found.unread[name] += 1
                else:
                    found.said[name][Asked(unit.id, question.id)] = said
    return found


def answers_of(unit: Unit, grade: Grade, looking: Looking) -> Answers | None:
    """The answers in a grade; None if it holds none."""
    if "answers" in grade.payload:
        return read_grade(Answers, grade)
    return looking.from_grade(unit, grade) if looking.from_grade else None


def with_graders(section: Section, entries: Sequence[Entry], looking: Looking, names: Mapping[str, str]) -> Section:
    """The section with tables about who graded; as it is where nobody but rules did.

    Args:
        section: of a study.
        entries: of the study, known pictures among them.
        looking: of the study.
        names: of models.
    """
    if {judge for *_, judge in ways_of(entries).graded} <= {RULES}:
        return section
    looked = looked_at(entries, looking)
    if not looked.graders:
        return section
    made = tuple(table for table in tables(looked, names) if table.rows)
    caveats = (CAVEAT,) if looked.known else (UNMEASURED,)
    return replace(
        section,
        tables=(*section.tables, *made),
        methods=(*section.methods, *METHODS),
        caveats=(*section.caveats, *caveats),
    )


UNMEASURED: Final = (
    "Graders were shown no known pictures, so nothing is known of how often they err (unispect grade ... --calibrate "
    "40)."
)


def tables(looked: Looked, names: Mapping[str, str]) -> tuple[Table, ...]:
    """Errors, scores, people, agreement; some may have no rows."""
    return (
        Table(
            "graders",
            "How often graders err",
            (
                "grader",
                "known pictures",
                "question",
                "pictures",
                "questions",
                "unclear",
                "unread",
                "right",
                "by guessing",
                "sensitivity",
                "specificity",
            ),
            tuple(_error_rows(looked)),
            "Shares, with 95 % intervals over known pictures.",
        ),
        Table(
            "graded",
            "Scores by graders who look, corrected for their errors",
            (
                "model",
                "what",
                "question",
                "grader",
                "n items",
                "n pictures",
                "n questions",
                "unclear",
                "says so",
                "sensitivity",
                "specificity",
                "errors from",
                "corrected",
            ),
            tuple(_score_rows(looked, names)),
            "Says so: the share of questions that the grader answers as would be right. Corrected: the share that is "
            "right, given how often this grader errs; 0 to 1 where it may be no better than chance. Intervals of 95 % "
            "over items, whose pictures and questions stand together.",
        ),
        Table(
            "graded-people",
            "Scores by people, with a grader for the pictures they did not see",
            ("model", "what", "grader", "person", "n seen", "n others", "grader says so", "people would say so"),
            tuple(_people_rows(looked, names)),
            "Prediction-powered: the grader's mean over the other pictures, and what the person says beyond it where "
            "both looked. Holds where the pictures that the person saw are a random part.",
        ),
        Table(
            "graders-agree",
            "How far graders agree",
            ("first", "second", "pictures", "questions", "same answer", "Cohen's kappa", "Krippendorff's alpha"),
            tuple(_agreement_rows(looked)),
            "Over questions that both answered, 'unclear' being an answer. Kappa and alpha: 1 is full agreement, 0 "
            "what chance gives. Intervals over pictures.",
        ),
    )


def erring_of(known: Iterable[Recognised], question: Question | None = None, counted: str = YES) -> Erring:
    """What one grader said of known pictures, as trials.

    Args:
        known: of one grader.
        question: the one of that id and those options alone; by default every yes/no question.
        counted: the answer to yes/no questions that is looked for.
    """
    said: list[float] = []
    true: list[bool] = []
    together: list[Hashable] = []
    for one, asked, answer, right in _trials(known, question):
        if set(asked.options) == _YES_NO:
            trials = [(float(answer == counted), right == counted)]
        else:
            wrong = answer not in (right, UNCLEAR)
            trials = [(float(answer == right), True), (wrong / (len(asked.options) - 1), False)]
        for share, is_true in trials:
            said.append(share)
            true.append(is_true)
            together.append(one.picture)
    return Erring(said, true, together)


def _trials(known: Iterable[Recognised], question: Question | None) -> Iterator[tuple[Recognised, Question, str, str]]:
    """Known picture, question, what was said and what is right, where something was said."""
    for one in known:
        for asked in one.questions:
            if asked.id in one.answers and _fits(asked, question):
                yield one, asked, one.answers[asked.id], one.right[asked.id]


def _fits(asked: Question, question: Question | None) -> bool:
    if question is None:
        return set(asked.options) == _YES_NO
    return asked.id == question.id and set(asked.options) == set(question.options)


def basis(known: Sequence[Recognised], question: Question | None) -> tuple[str, list[Recognised]]:
    """The known pictures that a score is corrected by, and where they come from, in words.

    Those of a user's file where there are enough of them, else photographs, else drawn worlds.
    """
    fitting = [one for one in known if any(_fits(asked, question) for asked in one.questions)]
    sources = {one.source for one in fitting}
    theirs = tuple(sorted(sources - {name for tier in _PREFERRED for name in tier}))
    for tier in (theirs, *_PREFERRED):
        own = [one for one in fitting if one.source in tier]
        if len({one.picture for one in own}) >= ENOUGH:
            return ", ".join(sorted({one.source for one in own})), own
    return ", ".join(sorted(sources)), fitting


def _error_rows(looked: Looked) -> Iterator[tuple[Cell, ...]]:
    for grader in looked.graders:
        mine = [one for one in looked.known if one.grader == grader]
        for source in dict.fromkeys(one.source for one in mine):
            own = [one for one in mine if one.source == source]
            for question in _forms(own):
                yield grader, source, _called(question), *_errors(own, question)


def _errors(known: Sequence[Recognised], question: Question | None) -> tuple[Cell, ...]:
    asked = [(one, q) for one in known for q in one.questions if _fits(q, question)]
    trials = list(_trials(known, question))
    right = [float(answer == true) for _, _, answer, true in trials]
    guessed = sum(1 / len(q.options) for _, q, _, _ in trials) / max(1, len(trials))
    erring = erring_of(known, question)
    return (
        len({one.picture for one, _ in asked}),
        len(asked),
        sum(answer == UNCLEAR for _, _, answer, _ in trials),
        len(asked) - len(trials),
        crossed_mean(right, {"pictures": [one.picture for one, _, _, _ in trials]}),
        round(guessed, 3) if trials else None,
        erring.sensitivity,
        erring.specificity,
    )


def _forms(known: Iterable[Recognised]) -> list[Question | None]:
    """Questions that errors are told apart by: each with several options, and all of yes and no together."""
    found: dict[str, Question | None] = {}
    for one in known:
        for asked in one.questions:
            if set(asked.options) == _YES_NO:
                found[""] = None
            else:
                found.setdefault(asked.id, asked)
    return list(found.values())


def _called(question: Question | None) -> str:
    return "yes or no" if question is None else question.id


class _Scored(NamedTuple):
    """Questions that are scored together: of one model, group, form and right answer (of yes and no), by one grader."""

    model: str
    group: str
    question: Question | None
    expected: str
    grader: str


def _score_rows(looked: Looked, names: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    for key, own in _scored(looked).items():
        right = [float(said == wanted) for _, wanted, said in own]
        items = [looked.wanted[asked.unit].item or asked.unit for asked, _, _ in own]
        share = crossed_mean(right, {"items": items})
        where, known = basis([one for one in looked.known if one.grader == key.grader], key.question)
        called = _called(key.question) + (f", right is {key.expected}" if key.expected == NO else "")
        counts = (len(set(items)), len({asked.unit for asked, _, _ in own}), len(own))
        unclear = sum(said == UNCLEAR for _, _, said in own)
        row = (names.get(key.model, key.model), key.group, called, key.grader, *counts, unclear, share)
        if not known:
            yield *row, None, None, "no known pictures", None
            continue
        erring = erring_of(known, key.question, key.expected or YES)
        yield *row, erring.sensitivity, erring.specificity, where, corrected(share, erring)


def _scored(looked: Looked) -> dict[_Scored, list[tuple[Asked, str, str]]]:
    """What was asked, what would be right and what was said, of what is scored together."""
    found: dict[_Scored, list[tuple[Asked, str, str]]] = defaultdict(list)
    questions = {Asked(unit, one.id): one for unit, several in looked.questions.items() for one in several}
    for grader in looked.graders:
        for asked, said in looked.said.get(grader, {}).items():
            wanted = looked.wanted.get(asked.unit)
            right = wanted.answers.get(asked.question) if wanted else None
            if wanted is None or right is None:
                continue
            question = questions[asked]
            yes_no = set(question.options) == _YES_NO
            key = _Scored(
                looked.models[asked.unit], wanted.group, None if yes_no else question, right if yes_no else "", grader
            )
            found[key].append((asked, right, said))
    return dict(
        sorted(
            found.items(),
            key=lambda pair: (
                pair[0].model,
                pair[0].group,
                _called(pair[0].question),
                pair[0].expected != YES,
                pair[0].grader,
            ),
        )
    )


def _people_rows(looked: Looked, names: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    people = [name for name in looked.graders if name.startswith(PERSON)]
    scored = _scored(looked)
    groups = list(dict.fromkeys((key.model, key.group) for key in scored))
    for model, group in groups:
        own: dict[str, dict[Asked, float]] = defaultdict(dict)
        for key, several in scored.items():
            if (key.model, key.group) == (model, group):
                own[key.grader] |= {asked: float(said == right) for asked, right, said in several}
        for person in people:
            for grader in (name for name in own if name not in people):
                yield from _with_person(
                    own[grader], own.get(person, {}), (names.get(model, model), group, grader, person), looked
                )


def _with_person(
    grader: Mapping[Asked, float], person: Mapping[Asked, float], about: tuple[str, ...], looked: Looked
) -> Iterator[tuple[Cell, ...]]:
    items = {asked: looked.wanted[asked.unit].item or asked.unit for asked in grader}
    both = [asked for asked in grader if asked in person]
    seen = {items[asked] for asked in both}
    others = [asked for asked in grader if items[asked] not in seen]
    if not both or not others:
        return
    whole = crossed_mean(list(grader.values()), {"items": [items[asked] for asked in grader]})
    found = predicted(
        [person[asked] for asked in both],
        [grader[asked] for asked in both],
        [items[asked] for asked in both],
        [grader[asked] for asked in others],
        [items[asked] for asked in others],
        unit="items",
    )
    yield *about, len(both), len(others), whole, found


def _agreement_rows(looked: Looked) -> Iterator[tuple[Cell, ...]]:
    for first, second in combinations(sorted(looked.said, key=lambda name: (name != RULES, name)), 2):
        one, other = looked.said[first], looked.said[second]
        shared = [asked for asked in one if asked in other]
        if not shared:
            continue
        keys = {asked: f"{asked.unit} {asked.question}" for asked in shared}
        together: dict[str, Hashable] = {key: asked.unit for asked, key in keys.items()}
        ratings = {
            name: {key: said[asked] for asked, key in keys.items()} for name, said in ((first, one), (second, other))
        }
        same = [float(one[asked] == other[asked]) for asked in shared]
        yield (
            first,
            second,
            len({asked.unit for asked in shared}),
            len(shared),
            crossed_mean(same, {"pictures": [asked.unit for asked in shared]}),
            kappa(ratings[first], ratings[second], together=together, unit="pictures"),
            agreement(ratings, together=together, unit="pictures").alpha,
        )
