"""`unispect run` on several processes: the records of one, and words for what makes no sense."""

from pathlib import Path

import pytest

from tests.helpers.commands import here
from unispect.runs import RunStore
from unispect.runs.export import export

MODELS = ("tiny-janus-pro-bound", "tiny-show-o-bound")
STUDIES = ("concepts", "encoding", "response")
NIGHTLY = pytest.mark.nightly(
    "tests/e2e/test_workers_command.py::test_studies_leave_the_same_records_wherever_they_run"
)
LITTLE = ("--limit", 1, "--seeds", 0, "--device", "cpu", "--preset", "controlled")
PARTS = ("--parts", "draw", "likelihood", "describe")
"""Few units, but of every sort: drawing, scoring, telling, states, and some that build on earlier ones."""
PLACES = {
    "one process": ("--workers", 1),
    "two workers": ("--workers", 2),
    "one actor, other batches": ("--engine", "ray", "--replicas", 1, "--batch-size", 5),
    "two actors": ("--engine", "ray", "--replicas", 2),
}


def lines(run: Path) -> bytes:
    with RunStore.open(run) as store:
        return export(store, run.parent / f"{run.name}.jsonl", timings=False).path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("studies", "models", "places"),
    [
        pytest.param(("response",), MODELS[:1], ("one process", "two workers"), id="one study"),
        pytest.param(STUDIES, MODELS, tuple(PLACES), id="three studies", marks=NIGHTLY),
    ],
)
def test_studies_leave_the_same_records_wherever_they_run(studies, models, places, tmp_path, capsys):
    """That Ray's actors leave the same too is shown by day in `tests/unit/engine/test_ray.py`, without a model."""
    if len(places) == len(PLACES):
        pytest.importorskip("ray", reason="Ray is not installed (extra [ray])")
    parts = PARTS if "concepts" in studies else ()
    for name in places:
        command = ("run", *studies, "--model", *models, *LITTLE, *parts, *PLACES[name])
        outcome = here(capsys, *command, "--out", tmp_path / name)
        assert outcome.code == 0, outcome.err
    with RunStore.open(tmp_path / "one process") as store:
        assert {(count.study, count.model.split("@")[0]) for count in store.counts()} == {
            (study, model) for study in studies for model in models
        }
        assert all(count.done == count.planned for count in store.counts())
    assert {lines(tmp_path / name) for name in places} == {lines(tmp_path / "one process")}
    with RunStore.open(tmp_path / "two workers") as store:
        assert {one.settings["workers"] for one in store.manifest().invocations} == {"2"}


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (("--workers", 0), "--workers must be at least 1, not 0"),
        (("--replicas", 2), "--replicas is for --engine ray"),
        (("--engine", "ray", "--workers", 2), "--workers is for --engine local; with --engine ray say --replicas"),
        (("--engine", "ray", "--gpus-per-replica", 1.5), "--gpus-per-replica must be a whole number, or less than 1"),
        (("--engine", "ray", "--gpus-per-replica", 2, "--device", "cuda:0"), "spread over them; leave out --device"),
        (("--model", "openai:gpt-x", "--workers", 2), "models behind an API are asked by one process"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(tmp_path, capsys, said, answer):
    outcome = here(capsys, "run", "concepts", "--model", MODELS[0], "--out", tmp_path / "run", *said)
    assert outcome.code == 2
    assert answer in outcome.error
    assert not (tmp_path / "run").exists()
