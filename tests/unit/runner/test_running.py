"""What the command line and programs have in common: what is read and planned, held and let go, noted and refused."""

import gc
import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import unispect
from unispect import Options, Preset
from unispect.core.errors import DataError, UsageError
from unispect.data import sources
from unispect.engine.progress import Summary
from unispect.engine.replicas import Replicas
from unispect.runner import ready as readying
from unispect.runner import running
from unispect.runner.ready import LoadedRun
from unispect.runner.running import Outcome, Told
from unispect.runs import RunStore
from unispect.studies.registry import Study

MODELS = ("tiny-janus-pro", "tiny-janus-pro-bound")


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is done but the units themselves."""
    nothing = Summary(0, 0, 0, 0, 0.0, {})
    monkeypatch.setattr(
        running, "execute_run", lambda ready, *_: Outcome(ready.order.study.name, ready.card.reference, nothing)
    )


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two kinds of six pictures."""
    for number in range(12):
        path = tmp_path / "pictures" / f"kind {number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(path)
    return tmp_path / "pictures"


class Planned(Told):
    """Keeps what was ready."""

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[tuple[str, str], int] = {}

    def ready(self, ready: LoadedRun, store: RunStore) -> None:
        assert ready.plan is not None
        self.units[ready.order.study.name, ready.card.id] = len(ready.plan.units)


@pytest.mark.slow
def test_pictures_are_read_once_and_those_beyond_the_limit_never(
    pictures: Path, tmp_path: Path, nothing_runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    unpacked: list[str] = []
    real, unpack = sources.picture_in, sources.decoded
    monkeypatch.setattr(sources, "picture_in", lambda path: (read.update([path.name]), real(path))[1])
    monkeypatch.setattr(sources, "decoded", lambda data, name: (unpacked.append(name), unpack(data, name))[1])
    told = Planned()
    options = Options(f"images:{pictures}", limit=2)
    unispect.run(["encoding", "response"], MODELS, tmp_path / "run", options=options, told=told)
    assert read == {f"{number:02}.png": 1 for number in range(4)}
    assert len(unpacked) == 4
    assert len(told.units) == 4
    assert all(told.units.values())


@pytest.mark.slow
def test_every_plan_is_made_once_for_the_loaded_model(
    tmp_path: Path, nothing_runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, str, bool, int | None]] = []
    real = Study.planned

    def planned(self, card, options):
        made.append((self.name, card.id, bool(card.revision), options.limit))
        return real(self, card, options)

    monkeypatch.setattr(Study, "planned", planned)
    told = Planned()
    unispect.run(["encoding", "concepts"], MODELS, tmp_path / "run", options=Options(limit=2), told=told)
    assert [one for one in made if one[2]] == [(*order, True, 2) for order in told.units]
    assert {one[3] for one in made if not one[2]} == {1}, "before a model is loaded, one item of each group is tried"


@pytest.mark.slow
def test_a_model_is_let_go_of_before_the_next_is_loaded(
    tmp_path: Path, nothing_runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unispect.models import registry

    real, held = registry.load, []

    def load(*how, adapters):
        gc.collect()
        assert all(one() is None for one in held)
        model = real(*how, adapters=adapters)
        held.append(weakref.ref(model))
        return model

    monkeypatch.setattr(registry, "load", load)
    unispect.run(["encoding", "drawing"], MODELS, tmp_path / "run", options=Options(limit=1))
    assert len(held) == 2


@pytest.mark.slow
def test_a_loaded_model_is_run_as_it_is_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = unispect.load(MODELS[0])
    monkeypatch.setattr("unispect.models.registry.load", None)
    other = model.with_settings(drawing=replace(model.drawing, temperature=0.5))
    ran = unispect.run("drawing", [model, other], tmp_path / "run", options=Options(limit=1, seeds=(0,)))
    assert [outcome.model for outcome in ran.outcomes] == [model.card.reference, other.card.reference]
    assert all(outcome.units.done for outcome in ran.outcomes)
    assert model.encode([unispect.Prompt.of("star")], unispect.Goal.IMAGE)
    with unispect.open_run(tmp_path / "run") as run:
        assert set(run.cards()) == {model.card.reference, other.card.reference}
        assert {one.settings["dtype"] for one in run.manifest().invocations} == {"float32"}


@pytest.mark.parametrize("about", [{"device": "cpu"}, {"dtype": "float32"}, {"replicas": Replicas(workers=2)}])
def test_where_a_loaded_model_runs_is_said_already(about: dict, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tiny-janus-pro is loaded already"):
        unispect.run("drawing", unispect.load(MODELS[0]), tmp_path / "run", **about)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_seeds_are_those_that_ran_in_the_folder_and_on_the_page(tmp_path: Path) -> None:
    options = Options(limit=1, seeds=(3, 4, 5), presets=(Preset.PAPER,))
    unispect.run("encoding", MODELS[0], tmp_path / "run", options=options, command=("mine",)).raise_failures()
    with unispect.open_run(tmp_path / "run") as run:
        (noted,) = run.manifest().invocations
        assert {entry.unit.seed for entry in run.entries()} == {3}
    assert (noted.command, noted.seeds) == (("mine",), (3,))
    assert any(skip.what == "seeds 4, 5" for skip in noted.skips)
    page = unispect.write_report(tmp_path / "run", tmp_path / "page.html").path.read_text()
    assert "<bdi>3</bdi>" in page
    assert "seeds 4, 5" in page


@pytest.mark.parametrize(
    ("study", "model", "options", "words"),
    [
        ("encodding", MODELS[0], Options(), "did you mean 'encoding'"),
        ("encoding", "tiny-janus-por", Options(), "did you mean 'tiny-janus-pro'"),
        ("encoding", MODELS[0], Options(parts=("draw",)), "has no parts"),
        ("concepts", MODELS[0], Options(parts=("draw", "nothing")), "nothing"),
        ("encoding", MODELS[0], Options(limit=0), "limit must be at least 1"),
        ("concepts", MODELS[0], Options(limit=0), "limit"),
        ("encoding", MODELS[0], Options(seeds=(1, 1)), "names a seed twice"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(
    study: str, model: str, options: Options, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readying, "_executor", None)
    with pytest.raises(UsageError, match=words):
        unispect.run(study, model, tmp_path / "run", options=options)
    assert not (tmp_path / "run").exists()


def test_a_damaged_picture_is_found_before_anything_is_loaded(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "kind 1" / "11.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr(readying, "_executor", None)
    with pytest.raises(DataError, match=r"11\.png"):
        unispect.run("encoding", MODELS[0], tmp_path / "run", options=Options(f"images:{pictures}"))
    assert not (tmp_path / "run").exists()


def test_units_that_failed_are_told_and_made_an_error_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = unispect.load(MODELS[0])
    monkeypatch.setattr(type(model), "draw", None)
    ran = unispect.run("drawing", model, tmp_path / "run", options=Options(limit=1, seeds=(0,)))
    assert ran.outcomes[0].units.failed
    with pytest.raises(unispect.UnispectError, match="failed, most often: TypeError"):
        ran.raise_failures()
