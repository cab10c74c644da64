"""An option that would have no effect is refused by its name, or said to have none."""

import re
from types import SimpleNamespace

import pytest

from tests.helpers.commands import here
from unispect.cli.running import Telling, not_for_all
from unispect.studies.registry import STUDIES, find_study

CHAT = "openai:x@http://127.0.0.1:9/v1"
OF_CHAT_JUDGES = [
    ("--rubric", "replies"),
    ("--gradings", "3"),
    ("--data", "subjects.yaml"),
    ("--temperature", "0.5"),
    ("--no-temperature",),
    ("--thinking-tokens", "100"),
    ("--prices", "prices.yaml"),
    ("--max-cost", "1"),
    ("--cassette", "answers.jsonl"),
    ("--replay",),
    ("--key-from", "KEY"),
    ("--requests-per-minute", "3"),
    ("--tokens-per-minute", "3"),
    ("--concurrency", "2"),
    ("--answer-form", "words"),
    ("--no-system-role",),
    ("--limit-name", "none"),
    ("--no-seed",),
    ("--plain-prompts",),
]
OF_WHO_LOOKS = [("--study", "faces"), ("--calibrate", "3"), ("--calibration", "known.jsonl")]
OF_MODELS = [("--unlisted",), ("--device", "cpu"), ("--dtype", "float32")]


@pytest.mark.parametrize("option", OF_CHAT_JUDGES, ids=lambda option: option[0])
def test_rules_take_no_option_of_chat_judges(option, tmp_path, capsys):
    outcome = here(capsys, "grade", tmp_path, *option)
    assert outcome.code == 2
    assert f"{option[0]} is for chat judges" in outcome.error


@pytest.mark.parametrize("option", [*OF_WHO_LOOKS, *OF_MODELS], ids=lambda option: option[0])
def test_rules_are_shown_nothing_and_are_no_model(option, tmp_path, capsys):
    outcome = here(capsys, "grade", tmp_path, *option)
    assert outcome.code == 2
    whose = "judges that are models" if option in OF_WHO_LOOKS else "models of the registry"
    assert f"{option[0]} is for {whose}" in outcome.error


def test_no_option_of_grade_was_forgotten_above(capsys):
    help_text = here(capsys, "grade", "--help").out
    found = set(re.findall(r"(?<=\s)--[a-z-]+", help_text.partition("Parameters")[2].partition("Examples")[0]))
    of_scorers = {"--results", "--pictures"}
    assert found - {"--run", "--judge", "--debug", "--no-replay"} - of_scorers == {
        option[0] for option in (*OF_CHAT_JUDGES, *OF_WHO_LOOKS, *OF_MODELS)
    }


def test_a_temperature_and_none_exclude_each_other(tmp_path, capsys):
    outcome = here(capsys, "grade", tmp_path, "--judge", CHAT, "--temperature", "1", "--no-temperature")
    assert "--temperature 1 and --no-temperature exclude each other" in outcome.error


@pytest.mark.parametrize(
    ("study", "option", "words"),
    [
        *((name, ("--preset", "paper"), "--preset says") for name, one in STUDIES.items() if not one.presets),
        *((name, ("--parts", "all"), "--parts says") for name, one in STUDIES.items() if not one.parts),
    ],
)
def test_what_one_study_does_not_know_is_refused(study, option, words, tmp_path, capsys):
    outcome = here(capsys, "run", study, "--model", "tiny-janus-pro", *option, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert words in outcome.error
    assert study in outcome.error


def test_what_some_of_several_studies_do_not_know_is_said():
    several = [find_study(name) for name in ("concepts", "encoding", "faces")]
    said = list(not_for_all(several, data=("text:x",), preset=("paper",), parts=("battery",)))
    assert [line.split("(")[0].strip() for line in said] == [
        "note    --data does nothing for concepts, faces",
        "note    --preset does nothing for concepts, faces",
        "note    --parts does nothing for encoding, faces",
    ]
    assert not list(not_for_all(several, data=(), preset=(), parts=()))
    assert not list(not_for_all([find_study("safety")], data=("world",), preset=(), parts=()))


@pytest.mark.parametrize("option", [("--device", "cpu"), ("--dtype", "float32")])
def test_models_behind_an_api_take_no_device(option, tmp_path, capsys):
    outcome = here(capsys, "run", "drawing", "--model", CHAT, *option, "--out", tmp_path / "run")
    assert f"{option[0]} is for models that run here" in outcome.error


@pytest.mark.parametrize("option", [("--picture-size", "64x64"), ("--picture-quality", "low")])
def test_models_that_draw_nothing_take_no_size_of_pictures(option, tmp_path, capsys):
    outcome = here(capsys, "run", "posters", "--model", CHAT, *option, "--out", tmp_path / "run")
    assert f"{option[0]} is for models that draw" in outcome.error


def test_a_run_of_several_models_says_which_it_is_at(capsys):
    def ready(model: str) -> SimpleNamespace:
        card = SimpleNamespace(reference=model, id=model, notes=())
        study = SimpleNamespace(name="concepts", version=1)
        order = SimpleNamespace(study=study)
        return SimpleNamespace(card=card, order=order, where="on cpu", data="world", plan=None, nothing="nothing here")

    several, alone = Telling(3), Telling()
    for model in ("a", "a", "b"):
        several.ready(ready(model), None)  # type: ignore[arg-type]
    alone.ready(ready("a"), None)  # type: ignore[arg-type]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("model")]
    assert said == ["model   1 of 3: a on cpu", "model   2 of 3: b on cpu", "model   a on cpu"]
