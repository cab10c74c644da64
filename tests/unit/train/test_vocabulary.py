"""New words as one token each: only their rows are new, real words are read and drawn as before, and folders load."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.data.concepts import language
from unispect.data.concepts.lexicons import LEXICONS, Lexicon
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.models.base import Example
from unispect.models.registry import files_of, load
from unispect.models.spans import spans
from unispect.organisms.families import SHIPPED
from unispect.train.finetune import FinetuneConfig, finetune, prepare
from unispect.train.folder import with_whole_words
from unispect.train.recipe import load_recipe
from unispect.train.vocabulary import add_to_weights, lexicon_words

SHORT = {"steps": 1, "batch": 12, "micro_batch": 12}
FORMS = 2 * len(lexicon_words())
"""Rows that a table gets: of every word behind a space and without one."""


def loaded(family: str) -> Any:
    return load(SHIPPED[family].organism, device="cpu", dtype="float32")


def order(out: Path, **changes: object) -> FinetuneConfig:
    return FinetuneConfig("tiny-janus-pro", load_recipe("tiny-drawing", {**SHORT, **changes}), "test", out, "cpu")


@pytest.mark.parametrize("family", SHIPPED)
def test_in_every_family_only_rows_of_new_words_are_new(family: str) -> None:
    before = loaded(family)
    after: Any = with_whole_words(before, files_of(before.card.id))
    named, grown = dict(before.network.named_parameters()), dict(after.network.named_parameters())
    assert named.keys() == grown.keys()
    groups = before.parameter_groups()
    tables = {name for group in ("token embeddings", "text head") for name in groups[group]}
    assert {name for name in named if named[name].shape != grown[name].shape} == tables
    assert all(torch.equal(named[name], grown[name]) for name in named.keys() - tables)
    rows = before.processor.tokenizer.get_vocab_size()
    for name in tables:
        old, new = named[name], grown[name]
        assert torch.equal(torch.cat([new[:rows], new[rows + FORMS :]]), old)
        pieces = before.processor.tokenizer.encode(Lexicon("both").word("color", "red"), add_special_tokens=False).ids
        own = after.processor.tokenizer.token_to_id(Lexicon("both").word("color", "red"))
        assert len(pieces) > 1
        assert torch.equal(new[own], old[pieces].mean(0))
    # Real words are drawn as before, image codes behind the rows of words, too. Where words and codes share a head
    # (Show-o), the new rows take a little of the probability.
    concept = load_split().train[0]
    target = before.targets([render(concept, before.card.image_size)])[0]
    example = Example(Prompt.of(language.draw_prompt(concept.values)), target, seed=3)
    with torch.no_grad():
        losses = [model.loss([example]).draw for model in (before, after)]
    torch.testing.assert_close(*losses, rtol=1e-3 if family == "show-o" else 1e-5, atol=0)
    new = {name: getattr(after.card, name) for name in ("parameters", "settings", "published")}
    assert after.card == replace(before.card, **new)


def test_a_word_is_one_position_wherever_it_stands() -> None:
    base = loaded("janus-pro")
    model: Any = with_whole_words(base, files_of(base.card.id))
    for lexicon in LEXICONS:
        words = Lexicon(lexicon).words(load_split().train[0])
        for text in (language.draw_prompt(words), language.meaning_question(words["shape"])):
            place = spans(model, model.encode([Prompt.of(text)], Goal.TEXT), [words["shape"]])
            assert [len(found) for found in place[0]] == [1]
            ids = model.processor.tokenizer.encode(text, add_special_tokens=False).ids
            assert model.processor.tokenizer.decode(ids) == text


def test_what_was_learned_loads_says_so_and_is_bound_again(tmp_path: Path) -> None:
    finetune(prepare(order(tmp_path / "one", words="whole")))
    again: Any = load(f"tiny-janus-pro={tmp_path / 'one'}", device="cpu", dtype="float32")
    assert again.card.switches == {"words": "whole"}
    tables = {
        name: own.shape[0]
        for name, own in load_file(tmp_path / "one" / "model.safetensors").items()
        if "lm_head" in name
    }
    assert set(tables.values()) == {576 + FORMS}
    second = replace(order(tmp_path / "two"), model=f"tiny-janus-pro={tmp_path / 'one'}")
    finetune(prepare(second))
    assert load(f"tiny-janus-pro={tmp_path / 'two'}", device="cpu").card.switches == {"words": "whole"}
    third = replace(order(tmp_path / "three", words="whole"), model=f"tiny-janus-pro={tmp_path / 'one'}")
    made: Any = prepare(third).model
    assert made.processor.tokenizer.get_vocab_size() == again.processor.tokenizer.get_vocab_size()


def test_spelt_is_what_a_recipe_without_the_key_says() -> None:
    said = load_recipe("tiny-drawing", {"words": "spelt"})
    assert said == load_recipe("tiny-drawing")
    assert "words" not in said.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"words": "hole"}, "unknown way to read new words 'hole'; did you mean 'whole'?"),
        (
            {"words": "whole", "data": "faces", "teach": {"people": "both"}},
            "is about the lexicons of the concept world",
        ),
        ({"words": "whole", "learn": ["backbone"]}, "name 'token embeddings' in 'learn'"),
        ({"words": "whole", "optimiser": "adamw", "lora": {"rank": 2}}, "and no 'lora'"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_recipe("tiny-drawing", changes)
    assert said in str(refused.value)


def test_tables_of_published_models_are_left_alone() -> None:
    model = loaded("janus-pro")
    model.card = replace(model.card, hub="owner/name")
    with pytest.raises(UsageError, match="published with its tokenizer"):
        with_whole_words(model, files_of("tiny-janus-pro"))


def test_a_file_without_tables_is_refused(tmp_path: Path) -> None:
    save_file({"other.weight": torch.zeros(2, 2)}, str(tmp_path / "x.safetensors"))
    with pytest.raises(UsageError, match="no table that is known"):
        add_to_weights(tmp_path / "x.safetensors", {"w": (0, 1)}, 2)
