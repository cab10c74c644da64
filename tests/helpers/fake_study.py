"""A study and a model without torch: two stages, pictures, answers that depend on the unit alone, faults on demand.

    python -m tests.helpers.fake_study FOLDER BATCH_SIZE CALLS

runs it and dies at the CALLSth call into C, counted from the first unit; 0: never.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.helpers.samples import png, unit
from tests.helpers.writer_to_kill import die_after
from unispect.core.seeds import generator_for
from unispect.core.units import Grade, Plan, Record, Unit, Upstream
from unispect.engine import execute, grade
from unispect.runs import RunStore

DRAWS = [unit(number, settings={"guidance": 5.0 if number % 3 else 1.0}) for number in range(60)]
TELLS = [unit(number, "tell", inputs={"of": DRAWS[number].id}, settings={}) for number in range(60)]
PLAN = Plan((tuple(one for pair in zip(DRAWS[:30], DRAWS[30:], strict=True) for one in pair), tuple(TELLS)))


@dataclass
class FakeModel:
    """Notes the batches it was given; `fault` may raise for a unit."""

    fault: Callable[[Unit], None] = lambda unit: None
    batches: list[list[Unit]] = field(default_factory=list)


def run(model: FakeModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """Draws a picture whose colour is random, or tells how many bytes the drawn one had."""
    model.batches.append(list(units))
    assert len({(one.kind, str(one.settings)) for one in units}) == 1
    for one in units:
        model.fault(one)
        if one.kind == "draw":
            colour = int(generator_for(one.id, "colour").integers(2**24))
            yield Record(one.id, {"colour": colour}, pictures={"drawn": png(colour)})
        else:
            drawn = upstream(str(one.inputs["of"]))
            same = drawn.pictures["drawn"] == png(int(str(drawn.payload["colour"])))
            yield Record(one.id, {"same": same, "bytes": len(drawn.pictures["drawn"])})


def judge(one: Unit, record: Record, open_blob: Callable[[str], bytes]) -> Grade | None:
    """Grades drawings by the bytes of the picture."""
    if one.kind != "draw":
        return None
    return Grade(one.id, "size", {"bytes": len(open_blob(record.blobs["drawn"]))})


def main(folder: str, batch_size: int, calls: int) -> None:
    with RunStore.create(folder) as store:
        model = FakeModel()
        if calls:
            store.plan(PLAN.units)
            store.pending(PLAN.units)
            die_after(calls)
        execute(PLAN, run, store, model, batch_size=batch_size)
        grade(store, "size", judge)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
