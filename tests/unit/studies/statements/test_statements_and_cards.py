"""Statements find the models that they are about by what stands on cards, whoever wrote the card."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

import unispect
from tests.planted_truth.curves import Levels, card, encoded
from tests.planted_truth.product import statements
from unispect.core.cards import ModelCard
from unispect.models.registry import card_of, cards, completed

TOLD_LATE = ("generation", "backbone", "tuned_from", "tuned_by")
BEFORE = {
    "bagel-7b-mot": "Qwen2.5 7B",
    "bagel-7b-mot-reca": "Qwen2.5 7B",
    "show-o2-7b": "Qwen2.5 7B",
    "show-o2-1.5b": "Qwen2.5 1.5B",
    "show-o2-1.5b-hq": "Qwen2.5 1.5B",
    "harmon-1.5b": "Qwen2.5 1.5B",
    "harmon-1.5b-reca": "Qwen2.5 1.5B",
    "harmon-0.5b": "Qwen2.5 0.5B",
    "harmon-0.5b-reca": "Qwen2.5 0.5B",
    "janus-pro-1b": "DeepSeek-LLM 1.3B",
    "janusflow-1.3b": "DeepSeek-LLM 1.3B",
}


def forgotten(own: ModelCard) -> ModelCard:
    """The card as an earlier release wrote it."""
    defaults = {field.name: field.default for field in fields(ModelCard) if field.name in TOLD_LATE}
    return replace(own, **defaults)  # type: ignore[arg-type]


def said(statement: str, *models: ModelCard) -> list[str]:
    entries = [entry for own in models for entry in encoded(Levels(), 0, of=own, limit=6)]
    found = statements({"encoding": entries}, {own.reference: own for own in models})
    return [one.detail for one in found if one.id.startswith(f"{statement}-")]


def test_no_study_names_a_family_or_a_checkpoint():
    known = {name for own in cards().values() for name in (own.id, own.family, own.family.replace("-", "_"))}
    word = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(known, key=len, reverse=True)))})(?![\w-])")
    root = Path(unispect.__file__).parent
    files = [path for folder in ("studies", "engine", "report", "runner") for path in (root / folder).rglob("*.py")]
    assert len(files) > 100
    assert word.search('about=only("harmon")')
    assert {str(path): word.findall(path.read_text()) for path in files if word.search(path.read_text())} == {}


@pytest.mark.slow
def test_another_packages_checkpoint_of_the_same_backbone_gets_its_statement():
    ours, theirs = card("ours", "one", backbone="Qwen2.5 7B"), card("theirs", "two")
    assert said("F4b", ours, theirs) == []
    assert said("F4b", ours, replace(theirs, backbone="Qwen2.5 1.5B")) == []
    details = said("F4b", ours, replace(theirs, backbone="Qwen2.5 7B"))
    assert details
    assert all("Compared: ours and theirs, as they are." in detail for detail in details)


@pytest.mark.slow
def test_another_packages_further_training_is_held_to_what_it_came_from():
    base, further = card("base", "two"), card("further", "two", tuned_from="base", tuned_by="RecA")
    assert said("T4", base, replace(further, tuned_by="")) == []
    assert all("Compared: base and further" in detail for detail in said("T4", base, further))
    assert said("T4", base, further)


def test_another_packages_family_that_draws_alike_gets_the_statements_of_that_way():
    assert said("F6b", card("theirs", "two")) == []
    assert said("F6b", card("theirs", "two", generation="masked latents"))


@pytest.mark.parametrize("name", list(cards()))
def test_cards_written_before_are_completed_from_what_is_known(name: str):
    own = card_of(name)
    assert own.generation
    assert completed(own) == own
    assert completed(forgotten(own)) == own
    assert completed(replace(forgotten(own), id=f"{name}~12345678")) == replace(own, id=f"{name}~12345678")


def test_what_statements_compared_before_is_compared_still():
    assert {name: card_of(name).backbone for name in BEFORE} == BEFORE
    further = {name: own.tuned_from for name, own in cards().items() if own.tuned_by == "RecA"}
    assert further == {name: name.removesuffix("-reca") for name in cards() if name.endswith("-reca")}


def test_cards_of_nobody_known_stay_as_they_are():
    assert completed(card("theirs", "two")) == card("theirs", "two")
    assert completed(card("new", "harmon")).generation == "masked latents"
    assert completed(card("new", "harmon")).backbone == ""
