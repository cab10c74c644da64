"""What the name of a model behind an API says: `PROVIDER:CHAT`, `PROVIDER:CHAT+IMAGE` or `PROVIDER:+IMAGE`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from unispect.chat.dialect import REPEATS, Dialect
from unispect.chat.named import Named, dialect_of, parse
from unispect.core.cards import Capability, ModelCard, Verification
from unispect.core.errors import UsageError
from unispect.core.units import JSON, digest

SPELLING = "PROVIDER:CHAT, PROVIDER:CHAT+IMAGE or PROVIDER:+IMAGE, and @BASE_URL behind it for another server"
SIDE = 1024
"""Pixels of a drawn picture where its size is not said in pixels."""


@dataclass(frozen=True)
class Asking:
    """How such a model is asked, as far as it decides the answers.

    Attributes:
        size: of drawn pictures, in the provider's words; empty for a square of `SIDE` pixels, `none` for the
            server's own choice.
        quality: likewise; empty for the provider's own choice.
        thinking_tokens: allowed beyond the length of a reply, for models that think before they write.
        temperature: the one that studies ask for is sent; models that take none need False.
        dialect: what the server understands.
        guidance: classifier-free guidance weight of drawn pictures; None sends none, for the server's own choice.
        steps: of denoising; likewise.
        negative: what not to draw; empty sends none.
        log_probabilities: those of a reply's tokens are asked for.
    """

    size: str = ""
    quality: str = ""
    thinking_tokens: int = 0
    temperature: bool = True
    dialect: Dialect = Dialect()  # noqa: RUF009 - frozen
    guidance: float | None = None
    steps: int | None = None
    negative: str = ""
    log_probabilities: bool = False

    def __post_init__(self) -> None:
        if self.thinking_tokens < 0:
            raise UsageError(f"thinking tokens must be 0 or more, not {self.thinking_tokens}")
        if self.guidance is not None and not 0 <= self.guidance < math.inf:
            raise UsageError(f"the guidance of pictures must be a number of 0 or more, not {self.guidance}")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"steps of pictures must be 1 or more, not {self.steps}")

    @property
    def diffusion(self) -> dict[str, JSON]:
        """What is sent for diffusion models alone, as it was said."""
        said = {"guidance": self.guidance, "steps": self.steps, "negative prompt": self.negative or None}
        return {name: value for name, value in said.items() if value is not None}


NO_SIZE = "none"
_SIZES = {"google": "1:1"}
_SQUARE = f"{SIDE}x{SIDE}"


@dataclass(frozen=True)
class RemoteName:
    """The parts of such a name.

    Attributes:
        spec: as typed.
        writes: the model that writes, if any.
        draws: the model that draws, if any.
    """

    spec: str
    writes: Named | None
    draws: Named | None

    @property
    def endpoint(self) -> Named:
        """Where it is asked."""
        named = self.writes or self.draws
        assert named is not None
        return named

    @property
    def id(self) -> str:
        """The name without the address."""
        models = "+".join(named.model if named else "" for named in (self.writes, self.draws))
        return f"{self.endpoint.provider}:{models if self.draws else models.removesuffix('+')}"

    @property
    def host(self) -> str:
        """The host without its port, and the path."""
        parts = urlsplit(self.endpoint.base_url)
        return f"{parts.hostname}{parts.path}"

    def size(self, asking: Asking) -> str:
        """The size that pictures are asked for in, in the provider's words; empty if nothing draws."""
        if not self.draws or asking.size == NO_SIZE:
            return ""
        return asking.size or _SIZES.get(self.endpoint.provider, _SQUARE)

    def seeded(self, asking: Asking) -> tuple[bool, bool]:
        """Seeds are sent with what it is to write, and with what it is to draw."""
        if self.endpoint.provider == "anthropic":
            return False, False
        spoken = dialect_of(self.endpoint, asking.dialect)
        return spoken.seeds, spoken.picture_seeds is not False

    @property
    def diffuses(self) -> bool:
        """Guidance, steps and a negative prompt have a place where it draws: OpenAI's own API refuses them unread."""
        return self.draws is not None and self.draws.provider.startswith("openai") and not self.draws.own

    def require_place(self, asking: Asking) -> None:
        """Returns if the server that draws has a place for all that is said to it.

        Raises:
            UsageError: names what has none.
        """
        if asking.diffusion and not self.diffuses:
            raise UsageError(
                f"{next(iter(asking.diffusion))} of pictures: {self.id} has no place for it; it is for servers of "
                "OpenAI's protocol other than OpenAI's own, such as vLLM-Omni"
            )
        if asking.log_probabilities and not (self.writes and self.writes.provider.startswith("openai")):
            raise UsageError(f"log-probabilities: {self.id} is not asked for any; they are for OpenAI's protocol")

    def manner(self, asking: Asking) -> dict[str, JSON]:
        """How it is asked otherwise than older versions asked, as far as that decides the answers."""
        dialect = dialect_of(self.endpoint, asking.dialect)
        writing = dialect.writing(formed=False, instructed=False) if self.writes else {}
        seeds = self.draws is not None and dialect.picture_seeds != (self.endpoint.provider == "google")
        drawing = asking.diffusion if self.diffuses else {}
        names = {"guidance": dialect.guidance_name, "steps": dialect.steps_name}
        return {
            **writing,
            **({"picture seeds": dialect.picture_seeds} if seeds else {}),
            **drawing,
            **{f"{what} sent as": name for what, name in names.items() if what in drawing},
        }


def remote_name(spec: str) -> RemoteName:
    """The parts of the name of a model behind an API.

    Raises:
        UsageError: it cannot be read; says what is wrong.
    """
    named = parse(spec)
    chat, plus, picture = named.model.partition("+")
    if (plus and not picture) or "+" in picture:
        raise UsageError(f"cannot read the model {named.provider}:{named.model}; write {SPELLING}")
    return RemoteName(
        spec,
        replace(named, model=chat) if chat else None,
        replace(named, model=picture) if picture else None,
    )


def card_for(spec: str, asking: Asking | None = None) -> ModelCard:
    """What is known about a model behind an API, without asking anybody.

    Its revision stands for everything that decides the answers and can be named: provider, models, host, and how it is
    asked. What a provider changes behind a name is seen by nobody.
    """
    name, asking = remote_name(spec), asking or Asking()
    can: list[Capability] = ["write", "see"] if name.writes else []
    if name.draws:
        can.append("draw")
    about: list[JSON] = [name.id, name.host, asking.size, asking.quality, asking.thinking_tokens, asking.temperature]
    about += [manner] if (manner := name.manner(asking)) else []
    sampled = {"guidance": asking.guidance, "steps": asking.steps} if name.diffuses else {}
    return ModelCard(
        id=name.id,
        family="remote",
        paradigm="an API" + (f" ({name.draws.model})" if name.draws else " (draws nothing)"),
        parameters=None,
        image_size=_side(asking.size),
        image_tokens=0,
        encoders="not public",
        hub=name.host,
        revision=digest(about)[:12],
        licence="terms of the provider",
        capabilities=frozenset(can),
        defaults={name: number for name, number in sampled.items() if number is not None},
        verification=Verification(contract="tests/contract/test_remote_contract.py, against a server on the loopback"),
        notes=(
            "behind an API only what it writes and draws can be seen, neither likelihoods nor states",
            "the provider may change what stands behind a name",
            *_unseeded(name, asking),
        ),
        no_states=dict.fromkeys(("text", "image"), "the states of a model behind an API are out of reach"),
    )


def _unseeded(name: RemoteName, asking: Asking) -> tuple[str, ...]:
    """What seeds of a run stand for where they are not sent."""
    told, drawn = name.seeded(asking)
    found = (("texts", name.writes and not told), ("pictures", name.draws and not drawn))
    return tuple(f"seeds of {what} are {REPEATS}" for what, is_so in found if is_so)


def _side(size: str) -> int:
    sides = size.lower().split("x")
    return max(int(side) for side in sides) if len(sides) == 2 and all(map(str.isdecimal, sides)) else SIDE
