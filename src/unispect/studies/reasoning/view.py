"""What the reasoning study shows: findings, tables by condition and by sort of question, failures, and cards."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Card, CardItem, Cell, Glance, Interval, Mark, Section, Side, Table
from unispect.core.typed import read_payload
from unispect.core.units import Entry
from unispect.studies.answers import Written
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import names_of
from unispect.studies.questions import UNCLEAR, YES
from unispect.studies.reasoning import study
from unispect.studies.reasoning.claims import (
    CONDITIONS_TABLE,
    EYES_TABLE,
    FAILURES_TABLE,
    GAPS_TABLE,
    MOVED_TABLE,
    findings,
)
from unispect.studies.reasoning.moving import LEAST_READ, OWN, STATES, figure, log_odds, right
from unispect.studies.reasoning.observed import (
    CONDITIONS,
    DRAW,
    SPELLED,
    TELL,
    THINK,
    Item,
    Keep,
    Seen,
    every,
    observed,
    reasoned,
)
from unispect.studies.reasoning.scores import (
    FAILURES,
    abilities,
    corrected,
    eyes,
    failures,
    gap,
    groups_of,
    known,
    share,
)
from unispect.studies.trainings import ALONE
from unispect.studies.verdicts import KNOWN, SMALL

OF_EACH, MOST = 1, 12
"""Cards of each kind of prompts, and of a model."""

CALLED: Mapping[str, str] = {
    TELL: "told",
    DRAW: "drawn",
    SPELLED: "drawn, spelled out",
    THINK: "drawn after writing",
}
"""Condition -> what was done, in words."""

METHODS = (
    "Every prompt in five conditions. Told: the model says in words what the picture must show. Drawn from the prompt; "
    "drawn from the same prompt with its answer spelled out, where the source has that (a control for what it can draw "
    "at all); drawn from the prompt and what it wrote about it first. Looked at: it is asked the same questions about "
    "its pictures of the first seed, and about pictures of other prompts.",
    "All are asked the same questions, which the source lays down with their answers; where it has none, whether the "
    "picture shows what its explanation says. Unclear is wrong. A question that depends on others is right only if "
    "they are.",
    "Chance: the questions of another prompt of the same kind, asked of the same pictures and texts. Every prompt "
    "counts the same; its questions and seeds are averaged first, so intervals are over prompts.",
    "A wrong picture is a failure of knowing where it is told wrong, too, and drawn right once spelled out; of "
    "rendering where it is told right and drawn wrong once spelled out; of transfer where both are right. Single "
    "pictures are wrong by chance as well: what another picture of the spelled prompt has wrong stands beside it, and "
    "no verdict rests on these counts.",
    "Claims are about questions that take a step of reasoning, as far as the source says, and whose answer is yes. "
    "Known is what is right in words beyond guessing; lost of it is right once spelled out less right from the "
    "prompt, where told right, less what guessing contributes to that. Guessing is known by a wrong value of the same "
    "attribute where one is asked about, else by texts about other prompts. It is decided "
    f"where surely more than {SMALL} is known and surely more than {SMALL} is drawn once spelled out, beyond chance: "
    f"surely more than {SMALL} lost, or surely less. Most is surely above {KNOWN}. These rules were fixed before any "
    "model was looked at.",
    "Own eyes: the likelier of yes and no, averaged over both orders in which they are offered; where there are no "
    "likelihoods, the first word of a written reply. Yes where the grader says yes less yes where it says no is 0 for "
    "eyes that answer alike whatever they see.",
    "Moved states: a prompt that is spelled out is told with other rows at its words, at one layer at a time "
    "(activation patching, arXiv 2004.12265, 2106.02997): those that drawing has of the same words, those of another "
    "prompt from either goal, and random ones as long. Told right: the spelled prompt is likelier than the same with "
    "the wrong value that the checklist asks about, and than the other prompt spelled out. Kept: told right with "
    "drawing's states less with drawing's of the other prompt, as a share of its own less these; mean over layers but "
    f"0, which holds the words themselves. Decided where it is surely above or below {KNOWN}, and where surely more "
    f"than {LEAST_READ} is read at the words at all. Fixed before any model was looked at.",
)
CAVEATS = (
    "What a grader gets wrong is in no interval here; rules read our own world alone.",
    "A spelled prompt differs from its own in length and words, not only in what is left to work out.",
    "What is told is one text, by the likeliest tokens: a model may know what it does not say there.",
    f"Intervals are over prompts. {ALONE}",
)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    return section(observed(entries, cards, names_of(entries, cards)))


def section(models: Sequence[Seen]) -> Section:
    """The section on what was asked and graded; see `view`."""
    graded = [seen for seen in models if seen.answers]
    claims = list(findings(models))
    shown = figure({seen.name: seen.moved for seen in models})
    tables = (
        _conditions(models),
        _gaps(graded),
        _failures(graded),
        _eyes(graded),
        _abilities(graded),
        _moved(models),
    )
    return Section(
        id=study.name,
        title="Why is a picture wrong?",
        lead=(
            "Every prompt is told in words, drawn, drawn once its answer is spelled out, and drawn after the model "
            "wrote about it; all are held to the same questions. Where words are right and the spelled prompt is "
            "drawn, and the prompt itself is not, what is known does not reach the picture."
            + ("" if graded else " Nothing here was graded yet: unispect grade RUN --judge NAME.")
        ),
        findings=settled(claims),
        family=family_of(claims),
        tables=tuple(table for table in tables if table.rows),
        figures=(shown,) if shown else (),
        cards=tuple(_cards(models)),
        chosen=f"The first {OF_EACH} of every kind, at most {MOST} of a model.",
        methods=METHODS,
        caveats=CAVEATS,
        glances=tuple(_glances(graded)),
        aside=tuple(_aside(models)),
    )


def _conditions(models: Sequence[Seen]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for seen in models:
        for condition in CALLED:
            if condition not in seen.left:
                continue
            left, graded = seen.left[condition], seen.has(condition)
            chance = condition if condition in (TELL, DRAW) else DRAW
            known_chance = seen.has(chance, other=True)
            own = share(seen, condition)
            rows.append(
                (
                    seen.name,
                    seen.judge,
                    condition,
                    own.clusters if graded else 0,
                    left.done,
                    left.refused,
                    left.unfinished,
                    own if graded else None,
                    _unclear(seen, condition) if graded else None,
                    share(seen, chance, other=True) if known_chance else None,
                    corrected(seen, condition, chance) if graded and known_chance else None,
                )
            )
    columns = ("model", "graded by", "condition", "prompts", "done", "refused", "ended early", "right", "unclear")
    columns += ("other prompts' questions", "beyond chance")
    return Table(
        CONDITIONS_TABLE,
        "Right by condition",
        columns,
        tuple(rows),
        "Shares of questions, every prompt counting the same. Prompts: those that were graded. Chance of all pictures "
        "is that of pictures drawn from the prompt, asked another prompt's questions.",
    )


def _unclear(seen: Seen, condition: str) -> float:
    answered = [
        answer
        for (asked, of, where, _), found in seen.answers.items()
        if where == condition and asked == of
        for answer in found.values()
    ]
    return round(answered.count(UNCLEAR) / len(answered), 3)


def _gaps(models: Sequence[Seen]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for seen in models:
        sorts: list[tuple[str, str, Keep]] = [("all", "", every), *groups_of(seen)]
        for sort, name, keep in sorts:
            drawn = share(seen, DRAW, keep)
            found = known(seen, keep)
            rows.append(
                (
                    seen.name,
                    seen.judge,
                    sort,
                    name or "all",
                    drawn.clusters,
                    _cell(drawn),
                    _cell(gap(seen, DRAW, SPELLED, keep)),
                    _cell(gap(seen, TELL, DRAW, keep)),
                    _cell(gap(seen, THINK, DRAW, keep)),
                    _cell(found.share),
                    _cell(found.lost),
                )
            )
    columns = ("model", "graded by", "sort", "questions", "prompts", "drawn", "transfer gap", "knowing gap")
    columns += ("gain by writing", "known", "lost of it")
    return Table(
        GAPS_TABLE,
        "Gaps between conditions",
        columns,
        tuple(rows),
        "Transfer gap: drawn less drawn once spelled out. Knowing gap: told less drawn. Each over the questions asked "
        "in both.",
    )


def _failures(models: Sequence[Seen]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for seen in models:
        if not seen.has(DRAW):
            continue
        found, steps = failures(seen), failures(seen, reasoned)
        for what, wrong, asked, chance in (
            ("questions that take a step", steps.wrong, steps.asked, steps),
            ("all questions", found.wrong, found.asked, found),
            ("whole pictures", found.pictures, found.drawn, None),
        ):
            rows.append(
                (
                    seen.name,
                    seen.judge,
                    what,
                    asked,
                    sum(wrong.values()),
                    *(wrong[one] for one in FAILURES),
                    _number(chance.lost) if chance else None,
                    _number(chance.again) if chance else None,
                )
            )
    columns = ("model", "graded by", "of", "asked", "wrong", *FAILURES, "lost", "lost by chance")
    return Table(
        FAILURES_TABLE,
        "Wrong pictures, by what fails",
        columns,
        tuple(rows),
        "Counts over all seeds; a whole picture is wrong where any of its questions is. Lost: of what is told right "
        "and drawn right once spelled out, the share drawn wrong from the prompt; by chance: the share that another "
        "picture of the spelled prompt has wrong.",
    )


def _eyes(models: Sequence[Seen]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for seen in models:
        if (found := eyes(seen)) is not None:
            rows.append(
                (
                    seen.name,
                    seen.judge,
                    found.n,
                    _number(found.said_yes),
                    _cell(found.agreeing),
                    _cell(found.agreeing_others),
                    _cell(found.beyond),
                    _cell(found.own_right),
                )
            )
    columns = ("model", "graded by", "answers", "says yes", "agrees, own pictures", "agrees, pictures of others")
    columns += ("yes with the grader less against", "right by its own eyes")
    return Table(EYES_TABLE, "What the model sees in pictures itself", columns, tuple(rows))


def _abilities(models: Sequence[Seen]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for judge in dict.fromkeys(seen.judge for seen in models):
        own = [seen for seen in models if seen.judge == judge]
        able = abilities(own)
        for seen in own if able else ():
            for condition in CALLED:
                if able and seen.has(condition):
                    less = (
                        None if condition == DRAW or not seen.has(DRAW) else able.less(seen.reference, condition, DRAW)
                    )
                    rows.append((seen.name, judge, condition, able.ability(seen.reference, condition), less))
    return Table(
        "abilities",
        "Abilities, on one scale",
        ("model", "graded by", "condition", "ability", "less that of draw"),
        tuple(rows),
        "In logits, by a two-parameter item response model over questions whose answer is yes: questions differ in "
        "difficulty and in how sharply they tell apart, so models that were asked other questions stay comparable. "
        "Guessing is not in it. No verdict rests on it.",
    )


def _moved(models: Sequence[Seen]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for seen in {one.reference: one for one in reversed(models)}.values():
        for kind, label in (("", OWN), *STATES.items()) if seen.moved else ():
            odds = round(log_odds(seen.moved, kind), 2)
            rows.append((seen.name, label, len(seen.moved), right(seen.moved, kind), odds))
    return Table(
        MOVED_TABLE,
        "Told with other states of the prompt's words",
        ("model", "states at the words", "prompts", "told right", "log-odds of the right answer"),
        tuple(rows),
        "Means over layers but 0; log-odds against the other answers together, in nats.",
    )


def _cell(interval: Interval) -> Interval | None:
    return None if math.isnan(interval.estimate) else interval


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _cards(models: Sequence[Seen]) -> Iterator[Card]:
    """Prompts with what came of them in each condition side by side, and how each fares on the checklist."""
    shown_of = dict.fromkeys(seen.reference for seen in models)
    for reference in shown_of:
        seen = next(one for one in models if one.reference == reference)
        shown: Counter[str] = Counter()
        for item in seen.items.values():
            sides = list(_sides(seen, item))
            if len(sides) < 2 or shown[item.group] >= OF_EACH or shown.total() >= MOST:
                continue
            shown[item.group] += 1
            yield Card(
                item.prompt,
                seen.name,
                f"{item.group}, {item.id}",
                tuple(side for _, _, side in sides),
                tuple(_marked(seen, item, [(condition, seed) for condition, seed, _ in sides])),
            )


def _sides(seen: Seen, item: Item) -> Iterator[tuple[str, int, Side]]:
    """Of the first seed of each condition."""
    for condition in CONDITIONS.values():
        seeds = [seed for where, key, seed in seen.pictures if (where, key) == (condition, item.key)]
        if not seeds:
            continue
        record = seen.pictures[condition, item.key, min(seeds)].record
        if condition == TELL:
            written = read_payload(Written, record)
            note = written.refused or ("" if written.finished else "Cut off at the limit.")
            yield condition, min(seeds), Side(CALLED[condition], text=written.text, note=note)
        else:
            note = {SPELLED: item.spelled, THINK: seen.thoughts.get(item.key, "")}.get(condition, "")
            yield condition, min(seeds), Side(CALLED[condition], record.blobs.get("picture", ""), note=note)


def _marked(seen: Seen, item: Item, shown: Sequence[tuple[str, int]]) -> Iterator[CardItem]:
    for one in item.checklist:
        marks = []
        for condition, seed in shown:
            where = (item.key, item.key, condition, seed)
            answer = seen.answers.get(where, {}).get(one.id)
            right = seen.right.get(where, {}).get(one.id)
            marks.append(Mark("not graded", None) if answer is None else Mark(answer, right))
        yield CardItem(one.question, one.expected == YES, tuple(marks))


def _glances(models: Sequence[Seen]) -> Iterator[Glance]:
    for reference in dict.fromkeys(seen.reference for seen in models):
        own = [seen for seen in models if seen.reference == reference]
        seen = own[0]
        if not seen.has(DRAW):
            continue
        suffix = f"-{seen.judge}" if len(own) > 1 else ""
        chance = share(seen, DRAW, other=True).estimate
        yield Glance(
            seen.name,
            {"transfer": f"transfer{suffix}"},
            {CALLED[one]: share(seen, one) for one in CALLED if seen.has(one)},
            None if math.isnan(chance) else chance,
            "questions answered right",
        )


def _aside(models: Sequence[Seen]) -> Iterator[str]:
    for seen in {one.reference: one for one in models}.values():
        if seen.taken_twice:
            yield f"{seen.name}: {seen.taken_twice} prompts stand there with two lists of questions; the first counts."
