"""A model whose backbone holds no rows of pictures: a reason, no number, and a reading of its own inside what draws."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.planted_states import CARD, HALF_MEDIAN, Planted, entropy
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import Unsupported
from unispect.core.findings import Finding, Preset, Section, Verdict
from unispect.core.prompts import Goal
from unispect.core.replies import Reply
from unispect.core.units import Entry
from unispect.engine.local import execute
from unispect.models.base import DrawsApart
from unispect.models.edits import Edits
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.response import study
from unispect.studies.response.plan import plan
from unispect.studies.response.view import view

REASON = "pictures are drawn elsewhere"
N = 32
APART = replace(
    CARD, capabilities=CARD.capabilities | {"probe_decoder"}, no_states={"image": REASON}, id="planted-apart"
)
INSIDE = (0.0, 1.0)
"""Share of a picture's rows that repeat rows of its prompt, by joint block: none at first, all at the end."""


class Apart(Planted):
    """Its pictures have rows in a second network of two blocks only."""

    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        if replies is not None and encoded.goal is Goal.IMAGE:
            raise Unsupported(self.card.id, "probe", REASON)
        return super().states(encoded, replies, at=at)

    def decoder_states(
        self, encoded: Encoded, replies: Sequence[Reply], *, at: int = LAST, edits: Edits | None = None
    ) -> Iterator[LayerState]:
        inner = Planted(
            rows=self.rows,
            distinct={"text": (N,) * len(INSIDE), "image": (N,) * len(INSIDE)},
            echo={Goal.IMAGE: INSIDE},
            reply_rows=self.reply_rows,
        )
        return inner.states(encoded, replies, at=at)


def measure(folder: Path, model: Planted, **options: object) -> tuple[list[Entry], Section, list[str]]:
    folder.mkdir(exist_ok=True)
    texts = folder / "prompts.txt"
    texts.write_text("\n".join(f"prompt {letter}" for letter in "abcdefgh"))
    planned = plan(model.card, Options(**{"data": f"text:{texts}", "seeds": (0, 1), **options}))  # type: ignore[arg-type]
    with RunStore.create(folder / "r") as store:
        summary = execute(planned, study.run, store, model, batch_size=3)
        assert summary.failed == 0, summary.causes
        entries = list(store.entries())
    section = view(entries, {model.card.reference: model.card})
    return entries, section, [f"{skip.what}: {skip.reason}" for skip in planned.skips]


@pytest.fixture(scope="module")
def model() -> Apart:
    return Apart(
        rows={"text": N, "image": N},
        distinct={"text": (N, N, N), "image": (N, N, N)},
        echo={Goal.TEXT: (0.0, 0.5, 1.0)},
        reply_rows={Goal.TEXT: N, Goal.IMAGE: N},
        card=APART,
    )


@pytest.fixture(scope="module")
def measured(model: Apart, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Entry], Section, list[str]]:
    assert isinstance(model, DrawsApart)
    return measure(tmp_path_factory.mktemp("apart"), model)


def finding(section: Section, name: str) -> Finding:
    return {one.id: one for one in section.findings}[f"{name}-{APART.id}"]


@pytest.mark.slow
def test_no_number_stands_where_there_are_no_states(measured):
    entries, section, skips = measured
    assert any(REASON in skip and "not applicable" in skip for skip in skips)
    tasks = {(e.unit.settings["preset"], e.unit.settings["task"]) for e in entries if e.unit.kind == "probe"}
    assert tasks == {("paper", "write"), ("controlled", "write"), ("controlled", "decoder")}
    for name in ("order-paper", "order-controlled", "gain-draw"):
        found = finding(section, name)
        assert found.verdict is Verdict.NOT_APPLICABLE
        assert found.interval is None
        assert REASON in found.detail
    assert finding(section, "gain-write").verdict is Verdict.SUPPORTED
    for table in section.tables:
        assert not any("picture replies" in row for row in table.rows)


def test_what_stands_inside_the_second_network_is_given_back_under_its_own_name(measured):
    entries, section, _ = measured
    calibrations = {e.unit.id: e for e in entries if e.unit.kind == "calibrate"}
    assert len(calibrations) == 2
    probes = [e for e in entries if e.unit.kind == "probe" and e.unit.settings["task"] == "decoder"]
    used = {str(e.unit.settings["calibration"]) for e in probes}
    assert len(used) == 1
    assert set(calibrations[used.pop()].unit.inputs) == {"decoder"}
    alone = entropy([1] * N, HALF_MEDIAN)
    apart = entropy([1] * 2 * N, HALF_MEDIAN) - alone
    for item in (item for entry in probes for item in entry.record.payload["items"]):
        assert item["P_k"] == pytest.approx([apart, 0.0], abs=1e-4)
        assert item["G"] == pytest.approx([0.0, apart], abs=1e-4)
    found = finding(section, "gain-decoder")
    assert found.claim.startswith("Decoder side, not the paper's protocol")
    assert found.preset is Preset.CONTROLLED
    assert found.interval is not None
    assert found.interval.estimate == pytest.approx(apart / 2, abs=1e-4)
    assert found.seeds == (0, 1)
    assert "16 pictures of 8 prompts" in found.detail


def test_figures_and_tables_hold_one_network_each(measured):
    _, section, _ = measured
    for figure in section.figures:
        (lines,) = figure.panels.values()
        own = figure.id.endswith("-decoder")
        assert ("not the paper's protocol" in figure.title) == own
        for line in lines:
            assert len(line.y) == (len(INSIDE) if own else 3)
            assert ("picture" in line.label) == own
    (table,) = [table for table in section.tables if table.id == "block-means-decoder"]
    assert table.rows[0][:7] == (APART.id, 8, 16, 0, 32.0, 32.0, 32)
    assert any("see each other" in caveat for caveat in section.caveats)
    assert any("Decoder side" in method for method in section.methods)


def test_the_published_preset_is_asked_nothing_of_it(model: Apart, tmp_path: Path):
    entries, section, skips = measure(tmp_path / "paper", model, presets=(Preset.PAPER,))
    assert {str(e.unit.settings["task"]) for e in entries if e.unit.kind != "calibrate"} == {"write"}
    assert any("controlled preset only" in skip for skip in skips)
    assert not any("decoder" in one.id for one in (*section.findings, *section.figures, *section.tables))


def test_models_that_draw_in_their_backbone_are_measured_as_ever():
    planned = plan(CARD, Options(limit=2))
    assert not any("decoder" in str(unit.settings.get("task")) for unit in planned.units)
    assert not planned.skips
