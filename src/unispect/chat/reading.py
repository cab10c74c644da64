"""From the text of a reply to a validated answer, or to the reason why there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from unispect.chat.pictures import PictureRequest, picture_in
from unispect.chat.values import Reply, Request
from unispect.core.thoughts import parted

_FENCED = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL | re.IGNORECASE)

CUT_OFF = "cut off at the limit of tokens"
_CUT = (
    "length",
    "max_tokens",
    "max_output_tokens",
    "model_length",
    "model_context_window_exceeded",
    "incomplete",
    "error",
)
"""Why a reply ended that is not whole, in any provider's words, lower case."""


def without_thoughts(reply: Reply) -> Reply:
    """The reply with the thoughts in its text beside it."""
    found = parted(reply.text)
    if found.answer == reply.text:
        return reply
    return replace(reply, text=found.answer, thoughts="\n\n".join(filter(None, (reply.thoughts, found.thoughts))))


def read(request: Request[Any] | PictureRequest, reply: Reply) -> tuple[Any, str]:
    """The answer and no reason, or no answer and the reason; for text without a form, the text is the answer.

    The whole text must be the JSON, bare or in one code fence: what is picked from the midst of prose might be an
    example, or a quotation of what was judged. Types are strict: `"3"` is no number.
    """
    if isinstance(request, PictureRequest):
        return picture_in(reply)
    if reply.refusal:
        return None, "the model refused"
    if not reply.text.strip():
        return None, _cut(reply, "the reply is empty")
    if request.schema is None:
        return None, CUT_OFF if is_cut(reply) else ""
    fenced = _FENCED.match(reply.text)
    try:
        return request.schema.model_validate_json(fenced[1] if fenced else reply.text.strip(), strict=True), ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        return None, _cut(reply, f"{field}: {first['msg']}" if field else first["msg"])


def is_cut(reply: Reply) -> bool:
    """It ends where the limit of tokens was, or before the model came from its thoughts to an answer."""
    only_thoughts = bool(reply.thoughts) and not (reply.text.strip() or reply.refusal or reply.picture)
    return reply.finish.lower() in _CUT or only_thoughts


def _cut(reply: Reply, reason: str) -> str:
    return f"{CUT_OFF} ({reason})" if is_cut(reply) else reason
