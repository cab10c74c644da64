"""Prompts are drawn once per seed, shown without a score, and leave for whoever scores them."""

import json
from dataclasses import replace

import pytest

from tests.helpers.commands import here
from tests.helpers.fake_concepts import ALL, FakeModel, card
from unispect.core.errors import UsageError
from unispect.core.units import Entry
from unispect.studies.base import Options
from unispect.studies.drawing import study
from unispect.studies.drawing.plan import plan
from unispect.studies.drawing.view import OF_EACH, view

MODEL = FakeModel(card(), draws=ALL, tells=ALL)


@pytest.fixture
def prompts(tmp_path):
    file = tmp_path / "prompts.jsonl"
    lines = [
        {"tag": tag, "include": [], "prompt": f"{tag} star red solid top left {number}"}
        for tag in ("one", "two")
        for number in range(4)
    ]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return f"geneval:{file}"


def entries(options):
    units = plan(MODEL.card, options).units
    records = list(study.run(MODEL, units, lambda unit: pytest.fail("one stage only")))
    return [
        Entry(unit, replace(record, blobs=dict.fromkeys(record.pictures, unit.id)))
        for unit, record in zip(units, records, strict=True)
    ]


def test_every_prompt_once_a_seed_and_few_are_shown(prompts):
    left = entries(Options(data=prompts, seeds=(0, 1)))
    section = view(left, {MODEL.card.reference: MODEL.card})
    (table,) = section.tables
    assert table.rows == (("fake", "one", 4, 8, 0, 2), ("fake", "two", 4, 8, 0, 2))
    assert len(section.gallery) == 2 * OF_EACH
    assert len({item.prompt for item in section.gallery}) == 2 * OF_EACH
    assert not section.findings


def test_revisions_of_one_model_have_a_name_each(prompts):
    left = entries(Options(data=prompts, limit=1, seeds=(0,)))
    old, new = (replace(MODEL.card, revision=name) for name in ("old", "new"))
    both = [Entry(replace(one.unit, model=of.reference), one.record) for of in (old, new) for one in left]
    section = view(both, {old.reference: old, new.reference: new})
    assert [row[0] for row in section.tables[0].rows] == [old.reference] * 2 + [new.reference] * 2
    assert {item.model for item in section.gallery} == {old.reference, new.reference}


def test_the_limit_is_per_task(prompts):
    assert len(plan(MODEL.card, Options(data=prompts, limit=1, seeds=(0,))).units) == 2


def test_pictures_among_the_prompts_are_left_out_with_the_reason():
    planned = plan(MODEL.card, Options(limit=1, seeds=(0,)))
    assert {skip.reason for skip in planned.skips} == {"prompts of this study are texts"}


def test_who_cannot_draw_has_nothing_to_do():
    with pytest.raises(UsageError, match="cannot draw"):
        plan(card(capabilities=frozenset({"write"})), Options())


@pytest.mark.slow
def test_from_prompts_to_the_folder_that_the_scorer_reads(prompts, tmp_path, capsys):
    command = ["run", "drawing", "--model", "tiny-janus-pro", "--data", prompts, "--limit", "1", "--seeds", "0", "1"]
    assert here(capsys, *command, "--out", tmp_path / "run").code == 0
    done = here(capsys, "export", tmp_path / "run", "--format", "geneval", "--out", tmp_path / "pictures")
    assert done.out.startswith("4 pictures of 2 prompts")
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["00000", "00004"]
    assert here(capsys, "report", tmp_path / "run", "--out", tmp_path / "report.html").code == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "one star red solid top left 0" in page
    assert "attributes. Told right" not in page


def test_parts_and_presets_are_refused_where_they_mean_nothing(prompts, tmp_path, capsys):
    command = ["run", "drawing", "--model", "tiny-janus-pro", "--out", tmp_path / "run"]
    assert "has no parts" in here(capsys, *command, "--parts", "draw").error
    assert "measures none" in here(capsys, *command, "--preset", "paper").error
    wrong = here(capsys, "run", "concepts", "--model", "tiny-janus-pro", "--out", tmp_path / "run", "--parts", "drow")
    assert "did you mean 'draw'" in wrong.error


def test_refused_prompts_are_counted(prompts):
    left = entries(Options(data=prompts, seeds=(0, 1)))
    refused = replace(left[0].record, status="skipped", error="refused to draw: no", blobs={})
    (table,) = view([replace(left[0], record=refused), *left[1:]], {MODEL.card.reference: MODEL.card}).tables
    assert table.rows == (("fake", "one", 4, 7, 1, 2), ("fake", "two", 4, 8, 0, 2))
