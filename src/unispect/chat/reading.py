"""From the text of a reply to a validated answer, or to the reason why there is none."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from unispect.chat.pictures import PictureRequest, picture_in
from unispect.chat.values import Reply, Request

_FENCED = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL | re.IGNORECASE)

CUT_OFF = "cut off at the limit of tokens"


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
        place = ".".join(str(step) for step in first["loc"])
        return None, _cut(reply, f"{place}: {first['msg']}" if place else first["msg"])


def is_cut(reply: Reply) -> bool:
    """It ends where the limit of tokens was, in any provider's words."""
    return reply.finish.lower() in ("length", "max_tokens")


def _cut(reply: Reply, reason: str) -> str:
    return f"{CUT_OFF} ({reason})" if is_cut(reply) else reason
