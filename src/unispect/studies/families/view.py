"""Families side by side: models as rows, what every study says of them as columns, and claims about ways of drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, Preset, Section, Table
from unispect.core.units import Entry
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison
from unispect.studies.decisions import family_of, settled
from unispect.studies.encoding.findings import curves_of as levels_of
from unispect.studies.families.claims import LEAST, findings
from unispect.studies.families.measures import Left, everything_left
from unispect.studies.states.curves import Curves
from unispect.studies.trainings import ALONE, FAMILIES, TRAININGS

MEASURES = {Preset.PAPER: ("P",), Preset.CONTROLLED: ("P_k", "G", "J")}
UNITS = {
    Preset.PAPER: "Bits.",
    Preset.CONTROLLED: "Bits, but for J: 0 if prompt and reply fill the same space, near 1 if they share nothing.",
}


def view(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    """The section that sets models of different families side by side; None if there are fewer than two families.

    Models with planted behaviour stay out: they say something about the instrument, not about a family. Pure.

    Args:
        entries: finished units by study.
        cards: by the models' references.
    """
    models = [left for left in everything_left(entries, cards) if not left.card.planted]
    if len({left.card.family for left in models}) < 2:
        return None
    found = findings(models)
    tables = [_makings(models), _outside(models), *(_inside(models, preset) for preset in Preset)]
    return Section(
        id="families",
        title="Families side by side",
        lead=(
            "The models below draw in different ways. Does one way of drawing make them more of one model: can they "
            "tell more of what they draw, and do text and pictures go through them more alike?"
        ),
        findings=settled(found),
        tables=tuple(table for table in tables if table.rows),
        methods=(
            "Every measure would be 0 in a model that is one model. What is said of a way of drawing is said of "
            "families that were not measured, so the unit of inference is the family: each stands for itself by the "
            f"mean of its trainings ({TRAININGS} or more), and ways of drawing differ if families on one side surely "
            f"differ from those on the other ({FAMILIES} or more on each; the wider of Welch's t and Student's). Sizes "
            "are compared whatever the sign, as squares without what trainings and prompts add to them: the size of a "
            f"noisy number is biased up. Nearer means by more than {LEAST:g} (squared bits or shares).",
            "Trainings are told apart by their seed. An organism's seed is that of its binding: its upbringing and "
            "first weights are the family's, and vary between families only.",
        ),
        caveats=(
            "Limits in the tables are over words or prompts: they say how sure the numbers of these very models are. "
            f"{ALONE}",
            "That predicting open places unifies is the reading that arXiv 2604.10949 gives to one family, Harmon.",
        ),
        family=family_of(found),
        study=False,
    )


def _makings(models: Sequence[Left]) -> Table:
    return Table(
        "families-makings",
        "How they draw",
        ("model", "family", "training seed", "makes pictures by", "sees and draws with", "predicts open places"),
        tuple(
            (
                left.name,
                left.card.family,
                left.card.training_seed,
                left.card.paradigm,
                left.card.encoders or None,
                "yes" if left.card.contextual else "no",
            )
            for left in models
        ),
        "Seeds are those of the last binding; none where the card knows of none.",
    )


def _outside(models: Sequence[Left]) -> Table:
    cells = [(left, _behaviour(left.taught.get("drawing"), left.taught.get("text"))) for left in models]
    return Table(
        "families-outside",
        "From outside",
        ("model", "drawn", "told", "chance", "gap", "gap, words taught by text", "n words"),
        tuple((left.name, *own) for left, own in cells if any(cell is not None for cell in own)),
        "Drawn and told: share right of words taught by drawing; gaps are chance-corrected drawn minus told, by "
        "likelihood: 1 is full aphasia, 0 none, -1 its mirror image. 95 % intervals over words.",
    )


def _behaviour(drawing: Comparison | None, text: Comparison | None) -> tuple[Cell, ...]:
    mirror = text.gap() if text and text.pairs.words else None
    if drawing is None or not drawing.pairs.words:
        return (None, None, None, None, mirror, None)
    return (
        scores.accuracy(drawing.drawn),
        scores.accuracy(drawing.told()),
        drawing.told().chance,
        drawing.gap(),
        mirror,
        drawing.pairs.words,
    )


def _inside(models: Sequence[Left], preset: Preset) -> Table:
    columns = [f"{name}, {side}" for name in MEASURES[preset] for side in ("text replies", "picture replies")]
    rows = [(left, _states(left, preset)) for left in models]
    return Table(
        f"families-{preset}",
        f"From inside, {preset} preset",
        ("model", "entropy, text", "entropy, pictures", "text minus pictures", *columns),
        tuple((left.name, *cells) for left, cells in rows if any(cell is not None for cell in cells)),
        f"Mean over layers, with 95 % intervals over prompts. {UNITS[preset]}",
    )


def _states(left: Left, preset: Preset) -> tuple[Cell, ...]:
    own = [trace for trace in left.levels if trace.preset is preset]
    difference = left.encoded(preset)
    return (
        _mean(levels_of(own, "text")),
        _mean(levels_of(own, "image")),
        difference.interval if difference else None,
        *(_mean(left.dependence(preset, name, drawn=drawn)) for name in MEASURES[preset] for drawn in (False, True)),
    )


def _mean(curves: Curves) -> Cell:
    return curves.mean() if len(curves) else None
