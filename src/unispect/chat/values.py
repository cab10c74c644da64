"""What is asked of a chat model, and what comes back."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from unispect.core.prompts import Prompt
from unispect.core.units import JSON, digest

if TYPE_CHECKING:
    from PIL.Image import Image

    from unispect.chat.faults import ApiFailure
    from unispect.chat.secret import Secret

T = TypeVar("T", bound=BaseModel)
V = TypeVar("V")


@dataclass(frozen=True)
class Limits:
    """What one attempt may take.

    Attributes:
        connect: seconds until a connection stands.
        read: seconds without a byte.
        total: seconds from sending to the last byte.
        bytes: of the response.
    """

    connect: float = 10.0
    read: float = 120.0
    total: float = 300.0
    bytes: int = 4 * 2**20


@dataclass(frozen=True)
class Request(Generic[T]):
    """Text and pictures in reading order, and the form of the answer.

    Attributes:
        prompt: what is asked. For a judge: without the answer key.
        schema: the answer's form; each reply is validated against it by pydantic, strictly. None for plain text, which
            every reply is that says something, is whole and is no refusal.
        system: instructions that stand before the prompt.
        max_tokens: of the answer; what it may cost rests on this.
        temperature: None sends none, for models that refuse it.
        seed: sent where the client has a place for it, and part of the request's identity in any case: another seed
            asks again.
        log_probabilities: of the reply's tokens are asked for as well.
    """

    prompt: Prompt
    schema: type[T] | None = None
    system: str = ""
    max_tokens: int = 1024
    temperature: float | None = 0.0
    seed: int = 0
    log_probabilities: bool = False

    @cached_property
    def form(self) -> dict[str, Any] | None:
        """The JSON schema of the answer, closed: every property is required and no other is allowed. None for text."""
        return None if self.schema is None else closed(self.schema.model_json_schema())

    @cached_property
    def identity(self) -> Mapping[str, JSON]:
        """Everything that decides the answer, as JSON; pictures by their pixels."""
        parts = [part_identity(part) for part in self.prompt.parts]
        return {
            "system": self.system,
            "parts": parts,
            "form": self.form,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            **({"log_probabilities": True} if self.log_probabilities else {}),
        }

    def key(self, client: str, model: str, manner: Mapping[str, JSON] | None = None) -> str:
        """Equal for equal requests to the same model through the same kind of client, put in the same manner."""
        return key_of(client, model, self.identity, manner)


def key_of(client: str, model: str, identity: Mapping[str, JSON], manner: Mapping[str, JSON] | None) -> str:
    """The address of a request. `manner` is what a client changes of its usual way to put it (`Client.manner`)."""
    return digest([client, model, identity, *([manner] if manner else [])])


def part_identity(part: str | Image) -> dict[str, JSON]:
    """A part of a prompt as JSON; a picture by its pixels."""
    return {"text": part} if isinstance(part, str) else _picture(part)


def _picture(image: Image) -> dict[str, JSON]:
    pixels = image.convert("RGB")
    return {"picture": hashlib.sha256(pixels.tobytes()).hexdigest(), "size": list(pixels.size)}


def png(image: Image) -> bytes:
    """The picture as the bytes of a PNG file."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG")
    return file.getvalue()


def png_base64(image: Image) -> str:
    """The picture as a PNG file in base64."""
    return base64.b64encode(png(image)).decode("ascii")


def closed(schema: Any) -> Any:
    """A JSON schema in the strict subset that providers enforce: objects require all of their properties, no others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: closed(part) for name, part in schema.items() if name != "default" or isinstance(part, dict)}
    if "properties" in result and result.get("type") == "object":
        result |= {"additionalProperties": False, "required": list(result["properties"])}
    return result


@dataclass(frozen=True)
class Usage:
    """Tokens a provider charges for."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Reply:
    """What a provider sent, before anybody made sense of it.

    Attributes:
        text: of the model; empty if it wrote none. An `Answer` holds it without thoughts; on a cassette it is as it
            came.
        model: which one answered, in the provider's words.
        usage: None if the provider did not say, or named only a part of it.
        finish: why it stopped, in the provider's words.
        refusal: what it said instead of answering.
        id: of the response at the provider.
        picture: the file that came, as it came; empty if none did.
        thoughts: what the model said to itself first: where a server sets that apart and, in an `Answer`, also where it
            stands in the text. Nobody who grades reads it.
        unread: why what came could not be read as a reply; empty if it could. `raw` then holds it.
        raw: the body as it came, where something in it was not understood.
        log_probabilities: natural, one for each token of what it wrote, thoughts included; empty if none came.
    """

    text: str
    model: str = ""
    usage: Usage | None = None
    finish: str = ""
    refusal: str = ""
    id: str = ""
    picture: bytes = field(default=b"", repr=False)
    thoughts: str = ""
    unread: str = ""
    raw: str = field(default="", repr=False)
    log_probabilities: tuple[float, ...] = field(default=(), repr=False)


class Outcome(StrEnum):
    """What became of a reply."""

    PARSED = "parsed"
    UNPARSED = "unparsed"


@dataclass(frozen=True)
class Answer(Generic[V]):
    """A reply, read. An unparsed one is an answer like any other: it is kept, counted, and has its raw text.

    Attributes:
        outcome: whether the reply had the form that was asked for.
        value: the validated answer, or the picture that was asked for; None if `outcome` is unparsed, and for plain
            text, which is `text`.
        reply: as it came.
        reason: why it is unparsed; empty otherwise.
        key: of the request, under which a cassette holds the reply.
        cost: what it was charged with, in the currency of the price table; None without a price.
        replayed: it came from a cassette.
        client: kind of client, part of the record.
        temperature: asked for.
        seed: asked for.
        seed_sent: the client has a place for seeds.
    """

    outcome: Outcome
    value: V | None
    reply: Reply
    reason: str
    key: str
    cost: float | None
    replayed: bool
    client: str
    model: str
    temperature: float | None
    seed: int
    seed_sent: bool

    @property
    def text(self) -> str:
        """The text of the reply, without thoughts."""
        return self.reply.text

    def as_payload(self) -> dict[str, JSON]:
        """What a grade keeps of it: no time, host, path or cost, so a replay leaves the same payload."""
        thoughts: dict[str, JSON] = {"thoughts": self.reply.thoughts} if self.reply.thoughts else {}
        return {
            "outcome": self.outcome.value,
            "value": self.value.model_dump(mode="json") if isinstance(self.value, BaseModel) else None,
            "text": self.reply.text,
            **thoughts,
            "reason": self.reason,
            "request": self.key,
            "client": self.client,
            "model": self.model,
            "answered_by": self.reply.model,
            "temperature": self.temperature,
            "seed": self.seed,
            "seed_sent": self.seed_sent,
        }


class Client(Protocol):
    """One way to reach one chat model; one attempt at a time, with no retries of its own."""

    @property
    def name(self) -> str:
        """Kind of client; part of a request's key."""
        ...

    @property
    def model(self) -> str: ...

    @property
    def endpoint(self) -> str:
        """Where it is, for the record."""
        ...

    @property
    def seeded(self) -> bool:
        """Seeds are sent."""
        ...

    @property
    def secret(self) -> Secret: ...

    def prepare(self) -> None:
        """Fails now if it cannot be asked at all (no key, package not installed, a proxy that leads nowhere)."""
        ...

    def manner(self, request: Any) -> Mapping[str, JSON]:
        """What decides the answer and is not as this kind of client usually puts a request; part of its key."""
        ...

    def read(self, answer: Any) -> Reply | ApiFailure:
        """The reply in the JSON of a response under status 200. Never raises: what is not understood is `unread`."""
        ...

    def send(self, request: Any) -> Reply | ApiFailure:
        """The reply to one attempt at a request of a kind it knows, or why there is none; faults are never raised."""
        ...
