"""Whether everything that unispect does with other packages works here, found out by doing each thing once."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unispect.core.errors import UnispectError
from unispect.doctor.checks import Check
from unispect.doctor.packages import failed

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel


def try_models() -> Iterator[Check]:
    """One picture drawn, described and probed by an organism of every family; all its variants are loaded.

    A family that draws something else than it is asked for, or does not see what it drew, fails too: all that ship draw
    and describe this picture rightly.
    """
    from unispect.metrics.threads import one_thread
    from unispect.organisms.shipped import cards, load

    families: dict[str, list[str]] = {}
    for name, card in cards().items():
        families.setdefault(card.family, []).append(name)
    for organism, *variants in families.values():
        try:
            with one_thread():  # on a busy machine tiny models wait for a second one
                model = load(organism, device="cpu", dtype="float32")
                _use(model)
                for name in variants:
                    load(name, device="cpu", dtype="float32")
        except Exception as error:  # one broken family must not hide how the others are
            yield failed(organism, error)
        else:
            yield Check(
                "ok",
                organism,
                f"draws, describes and can be probed, as {model.card.reference}; its {len(variants)} variants load",
            )


def _use(model: UnifiedModel) -> None:
    """Draws a picture, describes it and reads the states behind it."""
    from unispect.core.prompts import Goal, Prompt
    from unispect.core.replies import ImageSampling, TextSampling
    from unispect.data.concepts.grade import grade
    from unispect.data.concepts.language import DESCRIBE, draw_prompt
    from unispect.data.concepts.reading import read_description
    from unispect.data.concepts.world import Concept
    from unispect.metrics.entropy import renyi_entropy

    asked = Concept("star", "red", "striped", "top left").values
    named = model.encode([Prompt.of(draw_prompt(asked))], Goal.IMAGE)
    picture = model.draw(named, ImageSampling(seeds=(0,)))[0].image
    _same("what it drew", dict(grade(picture).values), asked)
    shown = model.encode([Prompt.of(picture, DESCRIBE)], Goal.TEXT)
    reply = model.write(shown, TextSampling(max_new_tokens=64))[0]
    _same("what it said of its picture", read_description(reply.text), asked)
    for state in model.states(shown):
        if not math.isfinite(renyi_entropy(state.rows[0], sigma=1.0).value):
            raise UnispectError(f"states of layer {state.layer} are not finite")


def _same(what: str, found: dict[str, str | None], asked: dict[str, str]) -> None:
    wrong = [
        f"{name} {found.get(name) or 'unclear'} instead of {value}"
        for name, value in asked.items()
        if found.get(name) != value
    ]
    if wrong:
        raise UnispectError(f"{what} is wrong: {', '.join(wrong)}")


def try_outputs() -> Iterator[Check]:
    """A chart, a table and a portrait, as reports, exports and the faces study make them."""
    for name, make in _OUTPUTS.items():
        try:
            make()
        except Exception as error:
            yield failed(name, error)
        else:
            yield Check("ok", name, "can be made")


def _chart() -> None:
    from unispect.core.findings import Figure, Series
    from unispect.report.figures import draw, styles_for

    line = Series("model", (0, 1, 2), (0.5, 1.0, 1.5), low=(0.25, 0.75, 1.25), high=(0.75, 1.25, 1.75))
    figure = Figure("trial", "Entropy", "layer", "bits", {"text": (line,)}, None)
    if "<svg" not in draw(figure, styles_for([figure])).panels[0][1]:
        raise UnispectError("what came out is no SVG")


def _table() -> None:
    """A run of one unit, exported."""
    from pyarrow import parquet

    from unispect.core.units import Record, Unit
    from unispect.runs import RunStore
    from unispect.runs.export import export

    unit = Unit("trial", 1, "tell", "none@0", {"word": "star"})
    with tempfile.TemporaryDirectory() as folder, RunStore.create(Path(folder) / "run") as store:
        store.plan([unit])
        store.record([Record(unit.id, {"text": "é", "rows": [1, 2]})])
        path = export(store, Path(folder) / "records.parquet").path
        if parquet.read_table(path)["payload.text"].to_pylist() != ["é"]:
            raise UnispectError("the table does not hold what was written into it")


def _portrait() -> None:
    from unispect.data.faces.grade import grade
    from unispect.data.faces.people import all_people
    from unispect.data.faces.portrait import portrait

    person = all_people()[0]
    _same("the portrait", dict(grade(portrait(person, 64)).values), dict(person.face.values))


_OUTPUTS: dict[str, Callable[[], None]] = {"charts": _chart, "tables": _table, "portraits": _portrait}
