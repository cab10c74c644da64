from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from unispect.chat import Reply, Request
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.reading import read
from unispect.core.prompts import Prompt


class Item(BaseModel):
    name: str
    status: Literal["correct", "missing"] = "missing"


class Graded(BaseModel):
    items: list[Item]
    default: int = 0


ASKED = Request(Prompt.of("grade it"), Graded, "be fair")
GOOD = '{"items": [{"name": "a", "status": "correct"}], "default": 3}'


@pytest.mark.parametrize("text", [GOOD, f"\n {GOOD} \n", f"```json\n{GOOD}\n```", f"```\n{GOOD}```\n"])
def test_bare_or_in_one_fence(text):
    value, reason = read(ASKED, Reply(text))
    assert (value, reason) == (Graded(items=[Item(name="a", status="correct")], default=3), "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"Here: {GOOD}", "Invalid JSON"),
        (f"{GOOD} {GOOD}", "Invalid JSON"),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "Invalid JSON"),
        (GOOD.replace("3", '"3"'), "default: Input should be a valid integer"),
        (GOOD.replace('"correct"', '"right"'), "items.0.status: Input should be 'correct' or 'missing'"),
        ("null", "Input should be an object"),
        ("[" * 100_000, "Invalid JSON"),
    ],
)
def test_anything_else_is_unparsed_with_its_reason(text, reason):
    value, said = read(ASKED, Reply(text))
    assert value is None
    assert reason in said


def test_a_refusal_is_unparsed_even_with_text():
    assert read(ASKED, Reply(GOOD, refusal="no")) == (None, "the model refused")


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_reading(text):
    value, reason = read(ASKED, Reply(text))
    assert (value is None) == bool(reason)


def test_the_form_is_closed_and_complete_at_every_depth():
    form, item = ASKED.form, ASKED.form["$defs"]["Item"]
    assert (form["required"], form["additionalProperties"]) == (["items", "default"], False)
    assert (item["required"], item["additionalProperties"]) == (["name", "status"], False)
    assert "default" not in item["properties"]["status"]
    assert "default" in form["properties"]


@pytest.mark.parametrize(("forms", "kind"), [("schema", "json_schema"), ("object", "json_object"), ("words", None)])
def test_the_form_is_asked_for_as_the_server_understands_it(forms, kind):
    body = OpenAIHTTP("m", "https://host/v1", forms=forms, limit_name="max_completion_tokens").body(ASKED)
    assert (body.get("response_format") or {}).get("type") == kind
    system = body["messages"][0]["content"]
    assert ("JSON schema" in system) == (forms != "schema")
    assert system.startswith("be fair")
    assert body["max_completion_tokens"] == ASKED.max_tokens
    assert "max_tokens" not in body
