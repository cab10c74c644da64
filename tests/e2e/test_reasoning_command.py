"""Published prompts through the command line: an organism and a random BAGEL, told, drawn, looked at and reported."""

import json
from pathlib import Path

import pytest

from tests.helpers import tiny
from tests.helpers.commands import here
from tests.helpers.reference import need_reference
from tests.helpers.tiny_bagel import TINY, configs, enliven, tokenizer
from unispect.core.typed import to_json
from unispect.core.units import Grade
from unispect.models.bagel.folder import save, start
from unispect.runs import RunStore
from unispect.studies.questions import Answers
from unispect.studies.reasoning.asked import asking


def long_bagel(folder: Path) -> Path:
    """A checkpoint that reads prompts of a thousand bytes."""
    sizes = configs()
    sizes["llm_config.json"]["max_position_embeddings"] = 4096
    tiny.write(folder, tokenizer(), sizes)
    save(enliven(start(TINY, folder, seed=0)), folder / "model.safetensors")
    return folder


def short_prompts(folder: Path) -> Path:
    """The first prompt of two dimensions, with three questions each; the other files hold it, too."""
    published = need_reference("t2i_corebench")
    folder.mkdir()
    for file in published.glob("*.json"):
        id, entry = next(iter(json.loads(file.read_text("utf-8")).items()))
        kept = {**entry, "Checklist": entry["Checklist"][:3]}
        (folder / file.name).write_text(json.dumps({id: kept}), "utf-8")
    return folder


@pytest.mark.slow
def test_an_organism_and_a_random_bagel_on_published_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, run, page = short_prompts(tmp_path / "prompts"), tmp_path / "run", tmp_path / "page.html"
    models = ("tiny-janus-pro", f"bagel-7b-mot={long_bagel(tmp_path / 'bagel')}")
    command = ("run", "reasoning", "--model", *models, "--data", f"t2i-corebench:{data}", "--limit", 1, "--seeds", 1)
    outcome = here(capsys, *command, "--out", run)
    assert outcome.code == 0, outcome.err
    with RunStore.open(run) as store:
        entries = list(store.entries())
        assert {entry.record.status for entry in entries} == {"done"}
        assert {entry.unit.kind for entry in entries} == {"item", "tell", "draw", "think", "draw-thought", "look"}
    asked = asking(entries)
    yes = {id: Answers(answers={one.id: "yes" for one in questions}) for id, questions in asked.items()}
    with RunStore.open(run, "w") as store:
        store.grade([Grade(id, "somebody", to_json(one)) for id, one in yes.items()])
    outcome = here(capsys, "report", run, "--out", page)
    assert outcome.code == 0, outcome.err
    html = page.read_text("utf-8")
    assert "Why is a picture wrong?" in html
    assert "graded by somebody" in html
