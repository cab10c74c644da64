"""Text answers in lmms-eval's form: questions have one number in all models, and scores are where its tools look."""

import json
from pathlib import Path

import pytest

import unispect
from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.api.lmms_eval import export_lmms_eval
from unispect.core.errors import StoreError, UsageError
from unispect.runs import RunStore
from unispect.studies.outcomes import outcome
from unispect.studies.registry import all_studies


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_every_text_answer_is_a_sample_with_its_score(ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    done = here(capsys, "export", ran, "--format", "lmms-eval", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    (file,) = (tmp_path / "out").rglob("*.jsonl")
    assert file.name.endswith("_samples_concepts.jsonl")
    samples = {one["unit"]: one for one in lines(file)}
    with unispect.open_run(ran) as store:
        said = {entry.unit.id: outcome(all_studies()["concepts"], entry) for entry in store.entries("concepts")}
    told = {unit: one for unit, one in said.items() if one.told}
    assert samples.keys() == told.keys()
    assert {unit: one["resps"] for unit, one in samples.items()} == {unit: [one.told] for unit, one in told.items()}
    assert {unit: one.get("score") for unit, one in samples.items()} == {unit: one.credit for unit, one in told.items()}
    assert len({one["doc_id"] for one in samples.values()}) == len(samples)
    chosen = next(one for unit, one in samples.items() if len(told[unit].truth) == 1)
    assert chosen["target"] == next(iter(told[chosen["unit"]].truth.values()))
    for one in samples.values():
        assert {"doc", "target", "arguments", "input", "resps", "filtered_resps", "doc_hash"} <= set(one)
        assert one["arguments"][0] == one["input"]


def test_equal_questions_have_equal_numbers_whatever_the_model(tmp_path: Path):
    settings = [{"defaults": {"steps": number}, "from": number * "f" + (24 - number) * "0"} for number in (1, 2)]
    units = [unit(seed, model=f"m{at}@1", settings=settings[at]) for at in (0, 1) for seed in (3, 1, 2)]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([record(one) for one in units if one.seed != 1 or one.model == "m0@1"])
        done = export_lmms_eval(store, tmp_path / "out")
    first, second = map(lines, done.paths)
    assert done.samples == 5
    assert {one["resps"][0]: one["doc_id"] for one in first} == {"reply 3": 0, "reply 1": 1, "reply 2": 2}
    assert {one["resps"][0]: one["doc_id"] for one in second} == {"reply 3": 0, "reply 2": 2}
    assert [one["doc_hash"] for one in second] == [first[0]["doc_hash"], first[2]["doc_hash"]]
    assert "score" not in first[0]  # nobody says what is right


def test_models_whose_names_make_one_folder_are_not_mixed(tmp_path: Path):
    units = [unit(0, model=model) for model in ("a/b@1", "a-b@1")]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([record(one) for one in units])
        with pytest.raises(StoreError, match=r"two models of the run, one of them a-b@1, would be the same folder"):
            export_lmms_eval(store, tmp_path / "out")


def test_a_run_of_pictures_has_no_samples(tmp_path: Path):
    with RunStore.create(tmp_path / "run") as store:
        store.plan([unit(0)])
        store.record([record(unit(0), picture=0, payload={})])
        with pytest.raises(UsageError, match="no text answers"):
            export_lmms_eval(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()
