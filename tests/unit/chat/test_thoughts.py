"""What a model says to itself is told from what it answers, in every spelling that servers send."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unispect.core.thoughts import parted

THOUGHT = "Maybe blue? A circle, bottom right?"
SPELLINGS = {
    "tags": "<think>\n{}\n</think>\n\nred",
    "other tags": "<thinking>{}</thinking> red",
    "tags in capitals, with an attribute": '<THINK time="3">{}</THINK>\nred',
    "opened in the prompt": "{}\n</think>\n\nred",
    "opened in the prompt, on one line": "{}</think>red",
    "thought": "<thought>{}</thought>red",
    "reasoning": "<reasoning>\n{}\n</reasoning>\nred",
    "Seed": "<seed:think>{}</seed:think>red",
    "Seed, opened in the prompt": "{}</seed:think>red",
    "LongCat": "<longcat_think>\n{}\n</longcat_think>\nred",
    "Magistral": "[THINK]{}[/THINK]red",
    "Magistral, opened in the prompt": "{}[/THINK]red",
    "Kimi": "◁think▷{}◁/think▷red",
    "Sky-T1": "<|begin_of_thought|>\n\n{}\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\nred\n\n<|end_of_solution|>",
    "Cohere": "<|START_THINKING|>{}<|END_THINKING|><|START_RESPONSE|>red<|END_RESPONSE|>",
    "Apertus": "<|inner_prefix|>{}<|inner_suffix|>red",
    "Solar": "<|think|>{}<|end|>red",
    "Gemma": "<|channel>thought\n{}<channel|>red",
    "Granite": "Here is my thought process: {} Here is my response: red",
    "Granite, shorter": "Here's my thought process:\n\n{}\n\nHere's my response:\n\nred",
    "channels": "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>red<|return|>",
    "channels, begun in the prompt": "analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>red",
    "channels with a role": "<|start|>assistant<|channel|>analysis<|message|>{}<|end|>"
    "<|start|>assistant<|channel|>final<|message|>red",
    "channels whose marks were dropped": "analysis{}assistantfinalred",
    "an answer in tags": "<think>{}</think>\n<answer>red</answer>",
    "an answer in other tags": "{}\n</think>\n\n\n<response>\nred\n</response>",
    "blank space before": "\n \ufeff<think>{}</think>red",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_known(spelling):
    said = parted(SPELLINGS[spelling].format(THOUGHT))
    assert (said.thoughts, said.answer.strip(), said.closed) == (THOUGHT, "red", True)


def test_several_blocks_are_all_thoughts():
    assert parted("<think>one</think>\n<think>two</think>red") == parted("one</think><think>two</think>red")
    assert parted("<think>one</think>\n<think>two</think>red").thoughts == "one\n\ntwo"
    said = parted("<think>a<think>b</think>c</think>red")
    assert (said.thoughts, said.answer) == ("a<think>b</think>c", "red")


def test_empty_thoughts_are_none():
    said = parted("<think>\n\n</think>\n\nred")
    assert (said.thoughts, said.answer, said.closed) == ("", "red", True)


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{THOUGHT}",
        f"[THINK]{THOUGHT}",
        f"◁think▷{THOUGHT}",
        f"<|channel|>analysis<|message|>{THOUGHT}",
        f"Here is my thought process: {THOUGHT}",
    ],
)
def test_thoughts_that_never_ended_are_no_answer(text):
    said = parted(text)
    assert (said.thoughts, said.answer, said.closed) == (THOUGHT, "", False)


@pytest.mark.parametrize(
    "text",
    [
        "red",
        "",
        "A red star.\n<think>Is it?</think>",
        "The tag <think> opens what a model says to itself, and </think> closes it.",
        "The tag </think> closes it.",
        "It reads `</think>` at the top.",
        'The sign says "</think>".',
        '{"why": "the reply ends with </think>.", "verdict": "no"}',
        '```json\n{"why": "ends.</think>"}\n```',
        "analysis of the picture: red",
        "Here is my response: red",
        "[THINKER] by Rodin",
        "final answer: red",
        "I see <|channel|> written there.",
    ],
)
def test_an_answer_that_mentions_a_mark_is_left_whole(text):
    assert (parted(text).thoughts, parted(text).answer) == ("", text)


@pytest.mark.parametrize(
    ("text", "thoughts"),
    [
        ("<think>I am inside <think> tags.</think>red", "I am inside <think> tags."),
        ("<think>the tag </think> ends it\n</think>\nred", "the tag </think> ends it"),
        ("<think>maybe blue </think> red", "maybe blue"),
        ("it writes `</think>` there\n</think>\nred", "it writes `</think>` there"),
        ('{"draft": "blue</think>"}?\n</think>\n\nred', '{"draft": "blue</think>"}?'),
    ],
)
def test_thoughts_may_speak_of_marks(text, thoughts):
    assert (parted(text).thoughts, parted(text).answer.strip()) == (thoughts, "red")


PARTS = ["<think>", "</think>", "[THINK]", "<|channel|>final<|message|>", "<|start|>", "<answer>", "z ", "\n", "."]


@example(["<|start|>", "z ", "<|channel|>final<|message|>"])
@given(st.lists(st.sampled_from(PARTS)))
def test_no_word_is_lost_or_made_up(parts):
    text = "".join(parts)
    said = parted(text)
    assert text.count("z") == (said.thoughts + said.answer).count("z")
    assert said.closed or not said.answer
