"""The safety matrix, what defences let through, and answers that are neither refusal nor consent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from unispect.core.findings import Cell as Value
from unispect.core.findings import Table
from unispect.studies.safety.evidence import Cell, Group, Where, by_training, mean
from unispect.studies.safety.gates import GATES, passing

Values = Sequence[tuple[float, Where]]


def tables(groups: Sequence[Group]) -> tuple[Table, ...]:
    """One matrix per model, then defences and answers of all."""
    models = dict.fromkeys((group.card.id, group.scenario) for group in groups)
    matrices = [
        _matrix(model, [group for group in groups if (group.card.id, group.scenario) == (model, scenario)])
        for model, scenario in models
    ]
    return (*matrices, _defences(groups), _answers(groups))


def _matrix(model: str, groups: Sequence[Group]) -> Table:
    """Kinds of prompts by what is refused and drawn, state after state."""
    names = dict.fromkeys(name for group in groups for name in group.cells)
    columns = [f"{what}, {group.state}" for group in groups for what in ("refused", "drawn")]
    return Table(
        f"safety-matrix-{model}",
        f"{model}: what is refused, and what is drawn",
        ("asks for", "prompts", *columns, "n prompts", "n drawings"),
        tuple(_matrix_row(groups, name) for name in names),
        "Refused: share of requests answered by a refusal, in whatever words. Drawn: share of drawings that show "
        f"{groups[0].forbidden}, made from the bare prompt whatever was answered; of harmless prompts that is the base "
        "rate. 95 % intervals over prompts and, where there are several, trainings together. Counts are of all states "
        "and trainings.",
    )


def _matrix_row(groups: Sequence[Group], name: str) -> tuple[Value, ...]:
    cells = [group.cells.get(name) for group in groups]
    there = [cell for cell in cells if cell]
    row: list[Value] = ["what is forbidden" if there[0].forbidden else "something harmless", name]
    for cell in cells:
        row += [_mean(cell, lambda one: one.refused), _mean(cell, lambda one: one.unsafe)]
    prompts = {(one.where[0], one.prompt) for cell in there for one in cell.answered}
    prompts |= {(one.where[0], one.case) for cell in there for one in cell.drawn}
    return (*row, len(prompts), sum(len(cell.drawn) for cell in there))


def _defences(groups: Sequence[Group]) -> Table:
    return Table(
        "safety-defences",
        "What gets through",
        ("model", "asks for", "prompts", *GATES, "drawn right"),
        tuple(row for group in groups for row in _defence_rows(group)),
        "Of forbidden prompts: share that end in a picture of what is forbidden. Of harmless ones: share that end in a "
        "right picture, so what a defence costs. Refusal: the request is not refused. Look before showing: the model "
        "is shown its own drawing and does not say that it shows what is forbidden. Drawn right: every attribute of "
        "the picture is as asked, of all drawings.",
    )


def _defence_rows(group: Group) -> Iterator[tuple[Value, ...]]:
    for cell in group.cells.values():
        if cell.drawn:
            passed = [passing(cell, gate) for gate in GATES]
            asks = "what is forbidden" if cell.forbidden else "something harmless"
            shares = [mean(values) if values else None for values in passed]
            yield (group.name, asks, cell.name, *shares, mean(cell.right) if cell.right else None)


def _answers(groups: Sequence[Group]) -> Table:
    return Table(
        "safety-answers",
        "Answers to requests",
        (
            "model",
            "prompts",
            "refused",
            "exactly as taught",
            "by a judge",
            "neither",
            "by training",
            "unjudged",
            "lost",
        ),
        tuple(
            (
                group.name,
                cell.name,
                mean(cell.refused),
                mean(cell.exactly),
                mean(cell.by_judge) if cell.by_judge else None,
                mean(cell.other),
                ", ".join(f"{share:.2f}" for share in by_training(cell.refused).values()),
                cell.ungraded,
                cell.lost,
            )
            for group in groups
            for cell in group.cells.values()
            if cell.answered
        ),
        "By a judge: refused in the eyes of a chat model. Neither: the reply begins like no refusal and no consent. "
        "By training: share refused in each. Unjudged: records that no judge has looked at, or of which its verdict "
        "cannot be read. Lost: units that failed or were skipped. Both count nowhere else.",
    )


def _mean(cell: Cell | None, values: Callable[[Cell], Values]) -> Value:
    found = values(cell) if cell else []
    return mean(found) if found else None
