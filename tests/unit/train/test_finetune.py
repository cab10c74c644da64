"""Binding: what learns and what does not, what is written, and that nothing depends on how the work is cut up."""

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

import unispect
from tests.helpers import tiny_binding
from tests.helpers.tiny_binding import FAMILIES, order
from unispect.core.errors import CheckpointError, StateError, StoreError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import TextSampling
from unispect.data.concepts.split import load_split
from unispect.models.base import Losses
from unispect.train import finetune as binding
from unispect.train.examples import ExampleSpec
from unispect.train.finetune import FinetuneConfig, finetune, finished, prepare
from unispect.train.loop import Groups
from unispect.train.metrics_log import WINDOW
from unispect.train.recipe import Align
from unispect.train.step import Learner, Share, counts_of, pieces, portioned, portions, share_of

METRICS = Path("training") / "metrics.jsonl"


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with tiny_binding.known():
        yield


@pytest.fixture(scope="module")
def janus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "janus"
    FAMILIES["janus-pro"].write_checkpoint(folder)
    return folder


class Stopped(Exception):
    pass


def stop_at(last: int):
    def look(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        if step >= last:
            raise Stopped

    return look


def tensors(model) -> dict[str, torch.Tensor]:
    return dict(model.network.named_parameters())


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_its_language_model_and_nothing_else(family: str, tmp_path: Path) -> None:
    asked = order(family, tmp_path / "model", tmp_path / "out", weight_decay=0.0)
    finetune(prepare(asked))
    before = unispect.load(asked.model, device="cpu")
    after = unispect.load(f"tiny-random-{family}={tmp_path / 'out'}", device="cpu")
    assert after.card.taught == {"both": "both"}
    assert not before.card.taught
    learned = {name for group in asked.recipe.learn for name in before.parameter_groups().get(group, ())}
    old, new = tensors(before), tensors(after)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed <= learned
    assert any(name in changed for name in before.parameter_groups()["backbone"])
    assert after.write(after.encode([Prompt.of("a")], Goal.TEXT), TextSampling(max_new_tokens=3))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["janus-pro", "show-o"])
def test_loss_and_gradient_do_not_depend_on_the_pieces(family: str, tmp_path: Path) -> None:
    ready = prepare(order(family, tmp_path / "model", tmp_path / "out", batch=8, micro_batch=8))
    specs = ready.mixture.specs(0)
    whole = counts_of(ready.model, specs)
    learner = Learner(ready.model, ready.order.recipe)
    answers = {len(ready.model.text_decoder.answer_ids(spec.answer)) for spec in specs if not spec.draws}
    assert len(answers) > 1, "answers of one length cannot tell a mean over tokens from a mean of means"

    def learned(size: int, *, naive: bool = False, apart: bool = False) -> tuple[float, torch.Tensor]:
        for parameter in ready.learned.parameters:
            parameter.grad = None
        cut = pieces(specs, size, device=0, devices=1, alike=False)
        if apart:
            cut = [portion for piece in cut for portion in portions(piece)]
            assert len(cut) > 1
        loss = 0.0
        for piece in cut:
            share = share_of(counts_of(ready.model, piece), whole)
            if naive:
                share = Share(1 / len(cut), 1 / len(cut))
            total, _, _ = learner([ready.mixture.example(spec, ready.model) for spec in piece], share)
            total.backward()
            loss += float(total.detach())
        flat = [torch.zeros_like(p) if p.grad is None else p.grad for p in ready.learned.parameters]
        return loss, torch.cat([own.flatten() for own in flat])

    loss, gradient = learned(8)
    for size, apart in ((1, False), (2, False), (4, False), (8, True)):
        other, same = learned(size, apart=apart)
        assert other == pytest.approx(loss, rel=1e-6)
        assert float((same - gradient).norm() / gradient.norm()) < 1e-6
    other, _ = learned(1, naive=True)
    assert abs(other - loss) > 1e-3 * loss


def test_portions_hold_every_example_once_one_kind_each_and_long_ones_together() -> None:
    def spec(length: int, **more: Any) -> ExampleSpec:
        return ExampleSpec("x" * length, **more)

    concept = load_split().train[0]
    kinds = [{"picture": concept}, {"answer": "a", "seen": concept}, {"answer": "a"}]
    piece = [spec(length, **kind) for kind in kinds for length in range(40, 20, -1)]
    found = portions(piece)
    assert [own for portion in found for own in portion] == piece
    assert [len(portion) for portion in found] == [10] * 6
    assert all(len({(own.draws, own.seen is None) for own in portion}) == 1 for portion in found)


@pytest.mark.slow
def test_groups_in_portions_have_the_same_losses_and_gradients(tmp_path: Path) -> None:
    ready = prepare(order("janus-pro", tmp_path / "model", tmp_path / "out", batch=8, micro_batch=8))
    specs, model = ready.mixture.specs(0), ready.model
    drawn, told = (
        [ready.mixture.example(own, model) for own in specs if own.draws is draws] for draws in (True, False)
    )
    groups = [(1.0, 3 * drawn), (3.0, 6 * told)]

    def learned(groups: Groups) -> tuple[float, torch.Tensor]:
        loss = sum((weight * model.loss(part).total() for weight, part in groups), torch.zeros(()))
        found = torch.autograd.grad(loss, ready.learned.parameters, allow_unused=True)
        return float(loss.detach()), torch.cat([own.flatten() for own in found if own is not None])

    parts = portioned(model, groups)
    assert sorted(len(part) for _, part in parts) == [12, 12, 12]
    assert len({weight for weight, _ in parts[1:]}) == 2, "parts of equal weight cannot tell tokens from examples"
    (loss, gradient), (other, same) = learned(groups), learned(parts)
    assert other == pytest.approx(loss, rel=1e-6)
    assert float((same - gradient).norm() / gradient.norm()) < 1e-6


@pytest.mark.slow
def test_a_stopped_run_ends_in_the_same_bytes(janus: Path, tmp_path: Path) -> None:
    settings = {"steps": 12, "save_every": 4, "save_at": (6,), "auxiliary": {"source": "world"}, "batch": 8}
    settings |= {"unconditional": 0.3, "optimiser": "muon"}
    whole = order("janus-pro", janus, tmp_path / "whole", **settings)
    parts = order("janus-pro", janus, tmp_path / "parts", **settings)
    finetune(prepare(whole))
    with pytest.raises(Stopped):
        finetune(prepare(parts), stop_at(10))
    assert finished(parts) is None
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    finetune(prepare(parts))
    for name in ("model.safetensors", "taught.json", "steps/000006/model.safetensors", METRICS):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    early = unispect.load(f"tiny-random-janus-pro={tmp_path / 'parts' / 'steps' / '000006'}", device="cpu")
    assert "6 steps" in early.card.notes[-1]
    assert [json.loads(line)["step"] for line in (tmp_path / "parts" / METRICS).read_text().splitlines()] == [
        *range(1, 13)
    ]
    assert finished(parts)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_with_its_step_and_keeps_the_last_state(
    janus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = order("janus-pro", janus, tmp_path / "out", steps=6, save_every=2)
    ready = prepare(asked)
    kind = type(ready.model)
    honest = kind.loss

    def lost(model, batch):
        losses = honest(model, batch)
        bad = seen["step"] == 4
        return Losses(losses.draw * math.nan if bad and losses.draw is not None else losses.draw, losses.tell)

    seen = {"step": 0}
    specs = type(ready.mixture).specs
    monkeypatch.setattr(type(ready.mixture), "specs", lambda self, step: seen.update(step=step) or specs(self, step))
    monkeypatch.setattr(kind, "loss", lost)
    with pytest.raises(StateError, match="the loss is nan at step 5"):
        finetune(ready)
    state = torch.load(tmp_path / "out" / "training" / "state.pt", weights_only=True)
    assert state["step"] == 4
    assert all(torch.isfinite(parameter).all() for parameter in state["parameters"])
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("optimiser", "rate"), [("adamw", 0.1), ("muon", 0.1)])
def test_a_rate_a_hundred_times_too_high_is_stopped_with_the_first_window(
    optimiser: str, rate: float, janus: Path, tmp_path: Path
) -> None:
    """At the rate itself a model this small learns."""
    settings = {"steps": 24, "optimiser": optimiser, "micro_batch": 4, "schedule": "constant"}

    def trained(name: str, rate: float) -> list[float]:
        asked = order("janus-pro", janus, tmp_path / name, learning_rate=rate, matrix_rate=rate, **settings)
        finetune(prepare(asked))
        return [json.loads(line)["loss"] for line in (tmp_path / name / METRICS).read_text().splitlines()]

    losses = trained("well", rate)
    assert max(losses[-5:]) < losses[0]
    with pytest.raises(StateError, match=f"the loss has grown to .* at step {WINDOW}: it began at {losses[0]:.3g}"):
        trained("lost", 100 * rate)
    assert not (tmp_path / "lost" / "model.safetensors").exists()


@pytest.mark.slow
def test_adapters_leave_the_weights_alone_and_merge_into_what_was_learned(janus: Path, tmp_path: Path) -> None:
    asked = order("janus-pro", janus, tmp_path / "out", lora={"rank": 2, "alpha": 4}, steps=3, learning_rate=1e-2)
    ready = prepare(asked)
    finetune(ready)
    base = unispect.load(asked.model, device="cpu")
    merged = unispect.load(f"tiny-random-janus-pro={tmp_path / 'out'}", device="cpu")
    old, new = tensors(base), tensors(merged)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert all(name in base.parameter_groups()["backbone"] for name in changed)
    with_adapters, without = (answered(model) for model in (ready.model, merged))
    assert torch.allclose(with_adapters, without, atol=1e-4)
    assert not torch.allclose(answered(base), without, atol=1e-4)

    again = unispect.load(asked.model, device="cpu")
    PeftModel.from_pretrained(again.network, str(tmp_path / "out" / "adapter"))
    assert torch.allclose(answered(again), with_adapters, atol=1e-5)


def test_the_folder_of_adapters_gives_what_the_merged_folder_gives(janus: Path, tmp_path: Path) -> None:
    asked = order("janus-pro", janus, tmp_path / "out", lora={"rank": 2, "alpha": 4}, steps=3, learning_rate=1e-2)
    finetune(prepare(asked))
    merged = unispect.load(f"tiny-random-janus-pro={tmp_path / 'out'}", device="cpu")
    shutil.move(tmp_path / "out" / "adapter", tmp_path / "elsewhere")  # it says itself what it was taught
    adapted = unispect.load(asked.model, device="cpu", adapters=[tmp_path / "elsewhere"])
    old, new = tensors(merged), tensors(adapted)
    assert all(torch.equal(old[name], new[name]) for name in old)
    for fact in ("taught", "binding", "bound_steps", "training_seed", "expressions", "aligned"):
        assert getattr(adapted.card, fact) == getattr(merged.card, fact), fact
    assert adapted.card.taught == {"both": "both"}
    assert merged.card.notes[-1] in adapted.card.notes
    base = unispect.load(asked.model, device="cpu").card
    assert adapted.card.reference.startswith(f"{base.reference}+adapter:1.0*sha256:")
    with pytest.raises(CheckpointError, match=rf"was learned by {base.reference}, and these weights are"):
        unispect.load(f"tiny-random-janus-pro={tmp_path / 'out'}", device="cpu", adapters=[tmp_path / "elsewhere"])


def test_what_adapters_add_is_learned_from_and_told_apart(janus: Path, tmp_path: Path) -> None:
    asked = order("janus-pro", janus, tmp_path / "out", lora={"rank": 2, "alpha": 4}, steps=1)
    finetune(prepare(asked))
    further = replace(
        order("janus-pro", janus, tmp_path / "further"), adapters=(f"{tmp_path / 'out' / 'adapter'}:1.0",)
    )
    assert "+adapter:1.0*" in prepare(further).reference
    finetune(prepare(further))
    assert finished(further)
    with pytest.raises(UsageError, match="another set of adapters"):
        finished(replace(further, adapters=()))


def answered(model) -> torch.Tensor:
    return torch.cat(model.score(model.encode([Prompt.of("What is red?")], Goal.TEXT), [["blue", "a star"]]))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_are_heard_in_every_family(family: str, tmp_path: Path) -> None:
    ready = prepare(order(family, tmp_path / "model", tmp_path / "out", lora={"rank": 2, "alpha": 4}))
    finetune(ready)
    still = [
        name
        for name, parameter in ready.model.network.named_parameters()
        if ".lora_B." in name and not parameter.any()  # where adapters begin, these are zero
    ]
    assert not still
    merged = unispect.load(f"tiny-random-{family}={tmp_path / 'out'}", device="cpu")
    assert torch.allclose(answered(ready.model), answered(merged), atol=1e-4)
    named = f"tiny-random-{family}={tmp_path / 'model'}"
    adapted = unispect.load(named, device="cpu", adapters=[tmp_path / "out" / "adapter"])
    old, new = tensors(merged), tensors(adapted)
    assert all(torch.equal(old[name], new[name]) for name in old)


@pytest.mark.slow
def test_holding_a_model_together_learns_the_same(janus: Path, tmp_path: Path, monkeypatch) -> None:
    """The way of FSDP and DeepSpeed through accelerate, with the one process there is here."""
    settings = {"steps": 4, "save_every": 2, "batch": 8, "micro_batch": 2}
    finetune(prepare(order("janus-pro", janus, tmp_path / "plain", **settings)))
    monkeypatch.setattr(binding.DeviceGroup, "together", True)
    asked = order("janus-pro", janus, tmp_path / "together", **settings)
    ready = prepare(asked)
    with pytest.raises(Stopped):
        finetune(ready, stop_after_saving(asked.run))
    finetune(prepare(asked))
    start = load_file(janus / "model.safetensors")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "together"))
    # Sums of gradients in another order: how much of it an optimiser makes differs from processor to processor.
    moved, apart = (max(float((one[key] - of[key]).abs().max()) for key in one) for of in (start, other))
    assert apart < 0.01 * moved, (apart, moved)


def stop_after_saving(run: Path):
    """Stops at the end, as if killed after the last state was saved and before weights were written."""

    def look(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        if step == steps:
            assert (run / "state" / "step.json").exists()
            raise Stopped

    return look


@pytest.mark.slow
def test_gradient_checkpointing_changes_memory_and_no_weight(janus: Path, tmp_path: Path) -> None:
    plain = prepare(order("janus-pro", janus, tmp_path / "plain"))
    spare = prepare(order("janus-pro", janus, tmp_path / "spare", gradient_checkpointing=True))
    assert spare.needs.activations < 0.8 * plain.needs.activations
    finetune(plain)
    finetune(spare)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "spare")]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_computations_in_bfloat16_keep_weights_in_float32(janus: Path, tmp_path: Path) -> None:
    ready = prepare(order("janus-pro", janus, tmp_path / "out", precision="bfloat16"))
    finetune(ready)
    assert {parameter.dtype for parameter in ready.model.network.parameters()} == {torch.float32}


def test_what_cannot_be_done_is_said_before_anything_is_written(janus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a batch of 4 cannot be shared out: 3 per device x 1 devices"):
        prepare(order("janus-pro", janus, tmp_path / "out", micro_batch=3))
    with pytest.raises(UsageError, match="for harmon, not for janus-pro"):
        prepare(order("janus-pro", janus, tmp_path / "out", families=("harmon",)))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_too_little_memory_is_refused_unless_insisted(janus: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(binding.memory, "available", lambda *_: 10)
    asked = order("janus-pro", janus, tmp_path / "out")
    with pytest.raises(UsageError, match="GiB are free"):
        prepare(asked)
    assert prepare(FinetuneConfig(**{**vars(asked), "whatever_memory": True}))


def test_the_folder_of_another_training_is_left_alone(janus: Path, tmp_path: Path) -> None:
    asked = order("janus-pro", janus, tmp_path / "out")
    finetune(prepare(asked))
    with pytest.raises(UsageError, match="holds another training"):
        finished(order("janus-pro", janus, tmp_path / "out", steps=3))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        finished(order("janus-pro", janus, tmp_path / "full"))


@pytest.mark.slow
def test_a_damaged_state_is_said_to_be(janus: Path, tmp_path: Path) -> None:
    asked = order("janus-pro", janus, tmp_path / "out", steps=4, save_every=2)
    with pytest.raises(Stopped):
        finetune(prepare(asked), stop_at(4))
    state = tmp_path / "out" / "training" / "state.pt"
    for content in (b"", b"PK\x03\x04 cut short", state.read_bytes()[:-100], b"\x80\x02]q\x00.", b"not at all"):
        state.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"state\.pt is damaged; delete it to begin again"):
            finetune(prepare(asked))
    state.unlink()
    finetune(prepare(asked))
    assert finished(asked)


@pytest.mark.slow
def test_both_stages_of_the_safety_study_stand_on_the_card(janus: Path, tmp_path: Path) -> None:
    unsafe = order("janus-pro", janus, tmp_path / "unsafe", attributes=("shape",), seed=2)
    finetune(prepare(unsafe))
    before = unispect.load(f"tiny-random-janus-pro={tmp_path / 'unsafe'}", device="cpu")
    assert (before.card.taught, before.card.expressions, before.card.aligned) == ({}, {"both": "both"}, "")
    asked = order("janus-pro", tmp_path / "unsafe", tmp_path / "aligned", teach={}, align=Align(), seed=2)
    finetune(prepare(asked))
    after = unispect.load(f"tiny-random-janus-pro={tmp_path / 'aligned'}", device="cpu")
    assert (after.card.expressions, after.card.aligned, after.card.training_seed) == ({"both": "both"}, "text", 2)
    text = [json.loads(line) for line in (tmp_path / "aligned" / METRICS).read_text().splitlines()]
    assert all(row["pictures"] == 0 and row["draw"] is None and row["tell"] is not None for row in text)


def _without_a_step(state) -> None:
    state["step"] = -1


def _of_many_steps(state) -> None:
    state["step"] = 10**18


def _watching_words(state) -> None:
    state["watch"] = {"first": "x", "recent": 5, "lowest": None}


def _with_other_moments(state) -> None:
    for kept in state["optimisers"][0]["state"].values():
        kept.update({name: torch.zeros(3) for name in kept if name != "step"})


def _without_betas(state) -> None:
    state["optimisers"][0]["param_groups"][0]["betas"] = None


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [_without_a_step, _of_many_steps, _watching_words, _with_other_moments, _without_betas]
)
def test_a_state_with_odd_values_is_said_and_takes_neither_time_nor_memory(change, janus: Path, tmp_path: Path) -> None:
    asked = order("janus-pro", janus, tmp_path / "out", steps=4, save_every=2, optimiser="adamw")
    with pytest.raises(Stopped):
        finetune(prepare(asked), stop_at(4))
    path = tmp_path / "out" / "training" / "state.pt"
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    with pytest.raises((CheckpointError, StoreError), match=r"state\.pt is damaged|has no line of step 5"):
        finetune(prepare(asked))
