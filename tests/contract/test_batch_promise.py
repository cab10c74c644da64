"""In float32 on the CPU, no field of an organism's record depends on what shared its batch (docs/scale.md)."""

from collections.abc import Collection
from pathlib import Path
from typing import cast

import pytest
import torch

import unispect
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, Reply, TextSampling
from unispect.core.units import Made, Plan
from unispect.engine import execute
from unispect.models.base import UnifiedModel
from unispect.models.decode import autoregressive, fused
from unispect.models.embedded import columns
from unispect.models.port import Port
from unispect.organisms.families import SHIPPED
from unispect.runs import RunStore
from unispect.runs.merge import merge
from unispect.studies.base import Options
from unispect.studies.registry import find_study
from unispect.studies.response.replies import record_of

TEXTS = ("a red star", "cat", "the quick brown fox jumps over the lazy dog and then sleeps", "a blue square in a field")
SEEDS = (1, 2, 3, 4)
NEVER_PREPARED = ("bagel", "omnigen2")
"""Families whose backbones are prepared for drawing alone, or never."""
LONG = 230
"""Words behind which a prompt is some 700 positions long: kernels take other paths there than for short ones."""


@pytest.fixture(scope="module", params=[family.organism for family in SHIPPED.values()])
def model(request: pytest.FixtureRequest) -> UnifiedModel:
    return unispect.load(request.param, device="cpu", dtype="float32")


def replies(model: UnifiedModel, goal: Goal, texts: tuple[str, ...], seeds: tuple[int, ...]) -> list[Reply]:
    encoded = model.encode([Prompt.of(text) for text in texts], goal)
    if goal is Goal.IMAGE:
        return list(model.draw(encoded, ImageSampling(seeds)))
    return list(model.write(encoded, TextSampling(seeds, max_new_tokens=12, temperature=1.0)))


@pytest.mark.slow
@pytest.mark.parametrize("goal", list(Goal))
def test_every_field_of_a_reply_s_record(model: UnifiedModel, goal: Goal):
    count = len(TEXTS) if goal is Goal.TEXT else 2
    together = replies(model, goal, TEXTS[:count], SEEDS[:count])
    for text, seed, reply in zip(TEXTS, SEEDS, together, strict=False):
        (alone,) = replies(model, goal, (text,), (seed,))
        one, other = record_of("unit", reply), record_of("unit", alone)
        assert one.payload == other.payload
        assert dict(one.pictures) == dict(other.pictures)


@pytest.mark.parametrize("goal", list(Goal))
def test_prepared_blocks_change_no_bit(model: UnifiedModel, goal: Goal, monkeypatch: pytest.MonkeyPatch):
    used: list[bool] = []
    multiplied = fused.Map.__call__

    def counted(own: fused.Map, rows: torch.Tensor) -> torch.Tensor:
        used.append(True)
        return multiplied(own, rows)

    monkeypatch.setattr(fused.Map, "__call__", counted)
    prepared = [record_of("unit", reply) for reply in replies(model, goal, TEXTS[:2], SEEDS[:2])]
    assert bool(used) == (goal is Goal.IMAGE or model.card.family not in NEVER_PREPARED)
    used.clear()
    monkeypatch.setattr(fused, "_LARGEST", -1)
    for own, reply in zip(prepared, replies(model, goal, TEXTS[:2], SEEDS[:2]), strict=True):
        stock = record_of("unit", reply)
        assert own.payload == stock.payload
        assert dict(own.pictures) == dict(stock.pictures)
    assert not used


@pytest.mark.parametrize("goal", list(Goal))
def test_whoever_listens_to_a_part_hears_it(model: UnifiedModel, goal: Goal, monkeypatch: pytest.MonkeyPatch):
    """Also what changes something on the way: prepared blocks would pass it by."""
    parts = dict(cast(Port, model).network.named_modules())

    def heard(listened: Collection[str]) -> set[str]:
        found: set[str] = set()
        hooks = [
            parts[name].register_forward_hook(lambda *_, name=name: found.add(name))  # pyright: ignore
            for name in listened
        ]
        try:
            replies(model, goal, TEXTS[:1], SEEDS[:1])
        finally:
            for hook in hooks:
                hook.remove()
        return found

    with monkeypatch.context() as stock:
        stock.setattr(fused, "_LARGEST", -1)
        everything = heard(parts)
    assert heard(parts) == everything
    for name in sorted(everything)[:: max(1, len(everything) // 3)] if goal is Goal.IMAGE else ():
        assert heard([name]) == {name}


@pytest.mark.slow
def test_states_and_scores_of_long_prompts(model: UnifiedModel):
    prompts = [Prompt.of("red star " * words) for words in (1, LONG, LONG + 60)]
    answers = ["red", "blue square"]
    encoded = model.encode(prompts, Goal.TEXT)
    together = list(model.states(encoded))
    scores = model.score(encoded, [answers] * len(prompts))
    for i, prompt in enumerate(prompts):
        own = model.encode([prompt], Goal.TEXT)
        assert all(torch.equal(a.rows[i], b.rows[0]) for a, b in zip(together, model.states(own), strict=True))
        assert torch.equal(scores[i], model.score(own, [answers])[0])


@pytest.mark.slow
def test_records_of_entropies_whatever_the_batch(tmp_path: Path):
    """Short prompts beside some of more than 700 positions, under both presets."""
    model = unispect.load("tiny-janus-pro", device="cpu", dtype="float32")
    data = tmp_path / "texts.txt"
    data.write_text("\n".join("red star blue ring " * words for words in (8, LONG // 2, LONG // 2 + 30)))
    study = find_study("encoding")
    plan = study.planned(model.card, Options(data=f"text:{data}", seeds=(0,)))
    found = []
    for size in (1, 16):
        with RunStore.create(tmp_path / str(size)) as store:
            execute(plan, study.run, store, model, batch_size=size)
            found.append({entry.unit.id: entry.record.payload for entry in store.entries()})
    assert max(payload.get("full_rows", 0) for payload in found[0].values()) > 700
    assert len(found[0]) == len(plan.units) == 13
    assert found[0] == found[1]


@torch.inference_mode()
def test_passes_that_decide_ties(model: UnifiedModel, monkeypatch: pytest.MonkeyPatch):
    """Samples together have the states of each by itself, to the last bit; equal ones are run once."""
    port = cast(Port, model)
    prompts = port.prompts(model.encode([Prompt.of(text) for text in (*TEXTS, TEXTS[0])], Goal.TEXT).inputs)
    rows, masks, positions, _ = columns(prompts)
    said = torch.tensor([[5, 6, 7]] * len(prompts))
    run, sequences = autoregressive.run, list[int]()
    monkeypatch.setattr(autoregressive, "run", lambda *a, **k: sequences.append(len(a[1])) or run(*a, **k))

    def states(some: slice) -> list[torch.Tensor]:
        own = [None if column is None else column[some] for column in (masks, positions)]
        return autoregressive.uncached_states(port.backbone, rows[some], said[some], port.token_rows, *own)

    together = states(slice(None))
    assert sum(sequences) == len(TEXTS)
    for i, own in enumerate(together):
        assert torch.equal(own, states(slice(i, i + 1))[0])


def test_log_probabilities_are_given_only_where_they_are_asked_for(model: UnifiedModel):
    encoded = model.encode([Prompt.of(TEXTS[0])], Goal.TEXT)
    (told,) = model.write(encoded, TextSampling(max_new_tokens=4))
    (silent,) = model.write(encoded, TextSampling(max_new_tokens=4, log_probabilities=False))
    assert told.tokens == silent.tokens
    assert len(told.log_probabilities) == len(told.tokens)
    assert silent.log_probabilities == ()


def test_runs_in_batches_of_different_sizes_merge_and_say_how_they_were_made(tmp_path: Path):
    model = unispect.load("tiny-janus-pro", device="cpu", dtype="float32")
    data = tmp_path / "four.txt"
    data.write_text("\n".join(TEXTS))
    study = find_study("response")
    plan = study.planned(model.card, Options(data=f"text:{data}", seeds=(0,)))
    texts = Plan((tuple(unit for unit in plan.units if unit.settings.get("task") == "write"),))
    texts = Plan((tuple(unit for unit in texts.units if unit.kind == "reply"),))
    for size in (1, 16):
        with RunStore.create(tmp_path / str(size)) as store:
            execute(texts, study.run, store, model, batch_size=size)
            made = [entry.record.made for entry in store.entries()]
            assert [one and (one.size, one.device, one.dtype) for one in made] == [(min(size, 4), "cpu", "float32")] * 4
            assert len({one.batch for one in made if one}) == (4 if size == 1 else 1)
    merged = merge([tmp_path / "1", tmp_path / "16"], tmp_path / "both")
    assert (merged.units, merged.done) == (4, 4)
    with RunStore.open(merged.path) as store:
        assert all(isinstance(entry.record.made, Made) for entry in store.entries())
