"""Who looks at whom, by layer: attention of drawn pictures and of written replies, over prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Cell, Figure, Interval, Series, Table
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.metrics.means import Means
from unispect.studies.alignment.plan import STUDY, VERSION
from unispect.studies.alignment.records import (
    PICTURE_AT_PROMPT,
    QUESTION_AT_PICTURE,
    REPLY_AT_PICTURE,
    REPLY_AT_PROMPT,
    Attended,
)
from unispect.studies.states.records import Asked

Floats = NDArray[np.float64]
CALLED = {
    PICTURE_AT_PROMPT: "rows of the drawn picture, at the prompt's words",
    QUESTION_AT_PICTURE: "rows of the question, at the picture before it",
    REPLY_AT_PICTURE: "rows of the reply, at the picture",
    REPLY_AT_PROMPT: "rows of the reply, at the question's words",
}


@dataclass(frozen=True, eq=False)
class Looking:
    """One model's attention between two kinds of positions.

    Attributes:
        model: its name.
        what: of `CALLED`.
        heads: [prompts, layers, heads].
        even: [prompts, layers], what looking evenly would give.
    """

    model: str
    what: str
    heads: Floats
    even: Floats

    def at(self, layer: int) -> Interval:
        """Mean over heads at a layer (0 is the first block), with limits over prompts."""
        rows = [("", number, [float(value)]) for number, value in enumerate(self.heads[:, layer].mean(axis=1))]
        return Means.of(rows, unit="prompts").linear([[1.0]], support=(0.0, 1.0))

    def more(self, layer: int) -> Interval:
        """What is looked at beyond an even look."""
        differences = self.heads[:, layer].mean(axis=1) - self.even[:, layer]
        rows = [("", number, [float(value)]) for number, value in enumerate(differences)]
        return Means.of(rows, unit="prompts").linear([[1.0]])

    @property
    def layers(self) -> range:
        return range(self.heads.shape[1])


def lookings(entries: Sequence[Entry], names: Mapping[str, str]) -> list[Looking]:
    """Of every model, every kind of look that it has; of several prompts of equal content one counts."""
    found: dict[tuple[str, str], dict[str, tuple[Sequence[Sequence[float]], Sequence[float]]]] = {}
    for entry in entries:
        unit = entry.unit
        if entry.record.status != "done" or (unit.study, unit.version, unit.kind) != (STUDY, VERSION, "attend"):
            continue
        asked = read_inputs(Asked, unit)
        for one in read_payload(Attended, entry.record).between:
            found.setdefault((names[unit.model], one.what), {})[f"{asked.group} {asked.id}"] = one.heads, one.even
    return [
        Looking(
            model,
            what,
            np.array([heads for heads, _ in own.values()], dtype=np.float64),
            np.array([even for _, even in own.values()], dtype=np.float64),
        )
        for (model, what), own in found.items()
    ]


def table(every: Sequence[Looking]) -> Table:
    """A row for each model and kind of look."""
    rows: list[tuple[Cell, ...]] = []
    for one in every:
        most = max(one.layers, key=lambda layer: one.heads[:, layer].mean())
        by_head = one.heads.mean(axis=0)
        layer, head = np.unravel_index(int(by_head.argmax()), by_head.shape)
        rows.append(
            (
                one.model,
                CALLED[one.what],
                len(one.heads),
                round(float(one.even.mean()), 3),
                one.at(0),
                one.at(one.layers[-1]),
                one.at(most),
                most + 1,
                one.more(most),
                f"{by_head.max():.2f} (block {int(layer) + 1}, head {int(head) + 1})",
            )
        )
    return Table(
        "attention",
        "Who looks at whom",
        (
            *("model", "who, at what", "prompts", "if evenly", "first block", "last block", "most, mean over heads"),
            *("in block", "beyond an even look there", "most of a head"),
        ),
        tuple(rows),
        "Share of a row's attention, mean over rows and heads; limits over prompts. If evenly: what rows would give if "
        "they looked evenly at all that they may look at, mean over blocks.",
    )


def figures(every: Sequence[Looking]) -> Iterator[Figure]:
    """A figure for each kind of look."""
    for what in dict.fromkeys(one.what for one in every):
        own = [one for one in every if one.what == what]
        ends = [f"{one.model} {one.at(0).estimate:.2f} to {one.at(one.layers[-1]).estimate:.2f}" for one in own]
        yield Figure(
            id=f"attention-{what.replace(' ', '-')}",
            title=f"Attention: {CALLED[what]}",
            x_label="block",
            y_label="share",
            panels={one.model: tuple(_series(one)) for one in own},
            preset=None,
            caption="Mean over rows and heads; mean over prompts, 95 % band. Dashed: an even look.",
            summary=f"Share in the first and the last block: {'; '.join(ends)}.",
        )


def _series(one: Looking) -> Iterator[Series]:
    found = [one.at(layer) for layer in one.layers]
    blocks = [layer + 1 for layer in one.layers]
    banded = all(interval.low == interval.low for interval in found)
    low, high = ([getattr(interval, end) for interval in found] if banded else () for end in ("low", "high"))
    yield Series("attention", blocks, [interval.estimate for interval in found], low, high)
    yield Series("an even look", blocks, one.even.mean(axis=0).tolist(), dash=True)
