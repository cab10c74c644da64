"""Chat models by one spelling, on every command line: `PROVIDER:MODEL` or `PROVIDER:MODEL@BASE_URL`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.budget import Price, SpendingLedger, load_prices
from unispect.chat.cassette import Cassette
from unispect.chat.chat import Chat
from unispect.chat.dialect import Dialect
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.http import checked_url
from unispect.chat.network import is_local
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.chat.openai_sdk import OpenAISDK
from unispect.chat.pictures import LIMITS as PICTURES
from unispect.chat.retry import RateLimiter
from unispect.chat.secret import Secret
from unispect.chat.values import Client
from unispect.core.errors import Unsupported, UsageError, unknown

SPELLING = "PROVIDER:MODEL or PROVIDER:MODEL@BASE_URL"


@dataclass(frozen=True)
class Provider:
    """Where a provider is, and where its key is expected.

    Attributes:
        base_url: its own.
        variables: environment variables that may hold its key, the first that is set counts.
    """

    base_url: str
    variables: tuple[str, ...]


PROVIDERS = {
    "openai": Provider("https://api.openai.com/v1", ("OPENAI_API_KEY",)),
    "openai-sdk": Provider("https://api.openai.com/v1", ("OPENAI_API_KEY",)),
    "anthropic": Provider("https://api.anthropic.com", ("ANTHROPIC_API_KEY",)),
    "google": Provider("https://generativelanguage.googleapis.com", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
}
"""`openai` speaks plain HTTP to any server of that protocol; the others go through the providers' own packages."""


@dataclass(frozen=True)
class Named:
    """What `PROVIDER:MODEL[@BASE_URL]` says.

    Attributes:
        provider: one of `PROVIDERS`.
        model: as the provider calls it.
        base_url: the provider's own, if none was given.
    """

    provider: str
    model: str
    base_url: str

    @property
    def own(self) -> bool:
        """It is asked where its provider is, so that the provider's key may go there."""
        return urlsplit(self.base_url).hostname == urlsplit(PROVIDERS[self.provider].base_url).hostname

    @property
    def local(self) -> bool:
        """It is asked on this machine."""
        return is_local(urlsplit(self.base_url).hostname)

    def secret(self, key_from: str | None = None) -> Secret:
        """Where its key is.

        The key of a provider goes to that provider only; who asks elsewhere says which key goes there.

        Args:
            key_from: the environment variable that holds the key; empty where none is wanted.

        Raises:
            UsageError: it is asked neither at its provider nor on this machine, and `key_from` says nothing.
        """
        if key_from is not None:
            return Secret(key_from)
        if self.own:
            variables = PROVIDERS[self.provider].variables
            return Secret(next((name for name in variables if os.environ.get(name, "").strip()), variables[0]))
        if self.local or self.base_url.startswith("http://"):
            return Secret()
        raise UsageError(
            f"which key goes to {urlsplit(self.base_url).hostname}? "
            "--key-from VARIABLE names the environment variable that holds it; --key-from '' sends none"
        )


def is_named(spec: str) -> bool:
    """`spec` is meant as such a name, right or wrong: something stands before a colon, and no `=` before that."""
    return re.match(r"[^=:/\\]+:", spec) is not None


def parse(spec: str) -> Named:
    """The parts of `PROVIDER:MODEL[@BASE_URL]`.

    Raises:
        UsageError: unknown provider (suggests the nearest), no model, or an address that is none.
    """
    provider, _, rest = spec.partition(":")
    if provider not in PROVIDERS:
        raise unknown("provider of chat models", provider, PROVIDERS)
    model, *given = re.split(r"@(?=[A-Za-z]+://)", rest.strip(), maxsplit=1)
    if given:
        base_url = checked_url(given[0], with_key=False)
    elif re.search(r"@(localhost|[\w.-]+:\d+)([:/]|\Z)", model):
        raise UsageError("the address behind @ must begin with http:// or https://")
    else:
        base_url = PROVIDERS[provider].base_url
    if not model.strip():
        raise UsageError(f"no model is named in {provider}:; write {SPELLING}")
    return Named(provider, model.strip(), base_url)


def client_for(spec: str, *, key_from: str | None = None, dialect: Dialect | None = None) -> Client:
    """The way to the chat model of that name. Nothing is sent and no key read.

    Args:
        spec: `PROVIDER:MODEL[@BASE_URL]`.
        key_from: the environment variable that holds the key, if it is not the provider's usual one; empty for none.
        dialect: what the server understands, where it is not what is known of it.

    Raises:
        UsageError: the name cannot be read, nobody said which key goes to a machine that is not the provider's, or the
            provider has no place for something in `dialect`.
    """
    return client_of(parse(spec), key_from, dialect)


def dialect_of(named: Named, dialect: Dialect | None = None) -> Dialect:
    """`dialect` with what it leaves open filled in by what is known of a server.

    OpenAI's own wants `max_completion_tokens`, always sends the bytes of pictures and has no place for their seeds;
    other servers of its protocol want `max_tokens`, must be asked for bytes, and take seeds.
    """
    dialect, own = dialect or Dialect(), named.own and named.provider.startswith("openai")
    known = own or named.provider == "openai-sdk"
    return replace(
        dialect,
        limit_name=dialect.limit_name or ("max_completion_tokens" if known else "max_tokens"),
        picture_seeds=not own if dialect.picture_seeds is None else dialect.picture_seeds,
        picture_format=not own if dialect.picture_format is None else dialect.picture_format,
    )


def _require_place(named: Named, dialect: Dialect) -> None:
    """Returns if the provider's package has a place for what the dialect says.

    Raises:
        UsageError: names the first option that would have no effect.
    """
    if named.provider.startswith("openai"):
        return
    said = {
        "--limit-name": dialect.limit_name is not None,
        "--no-system-role": not dialect.system,
        "--plain-prompts": dialect.plain,
        "--picture-format": dialect.picture_format is not None,
    }
    if named.provider == "anthropic":
        said |= {"--answer-form object": dialect.forms == "object", "--no-seed": not dialect.seeds}
    if option := next((name for name, is_said in said.items() if is_said), ""):
        raise UsageError(f"{option} is for servers of OpenAI's protocol; {named.provider} has no place for it")


def client_of(named: Named, key_from: str | None = None, dialect: Dialect | None = None) -> Client:
    """The way to a chat model; see `client_for`."""
    secret = named.secret(key_from)
    _require_place(named, dialect or Dialect())
    spoken = dialect_of(named, dialect)
    if named.provider == "anthropic":
        forms = "words" if spoken.forms == "words" else "schema"
        return AnthropicSDK(named.model, secret, named.base_url, forms=forms)
    if named.provider == "google":
        return GoogleSDK(named.model, secret, named.base_url, forms=spoken.forms, seeded=spoken.seeds)
    assert spoken.limit_name is not None
    wire = {"forms": spoken.forms, "limit_name": spoken.limit_name, "seeded": spoken.seeds}
    wire |= {"system": spoken.system, "plain": spoken.plain}
    if named.provider == "openai-sdk":
        return OpenAISDK(named.model, secret, named.base_url, **wire)
    return OpenAIHTTP(named.model, named.base_url, secret, **wire)


def drawer_of(named: Named, key_from: str | None = None, dialect: Dialect | None = None) -> Client:
    """The way to a model that draws; OpenAI's are reached over plain HTTP in any case.

    Raises:
        Unsupported: the provider has none.
        UsageError: as `client_for`.
    """
    if named.provider == "anthropic":
        raise Unsupported(f"anthropic:{named.model}", "draw", "Anthropic offers no model that draws pictures")
    secret = named.secret(key_from)
    _require_place(named, dialect or Dialect())
    spoken = dialect_of(named, dialect)
    seeded = spoken.picture_seeds is not False
    if named.provider == "google":
        return GoogleSDK(named.model, secret, named.base_url, PICTURES, seeded=seeded)
    return OpenAIPictures(
        named.model,
        named.base_url,
        secret,
        ask_for_bytes=spoken.picture_format is not False,
        seeded=seeded,
        guidance_name=spoken.guidance_name,
        steps_name=spoken.steps_name,
    )


@dataclass(frozen=True)
class Spending:
    """What asking may take, as a user says it.

    Attributes:
        prices: the price table (`load_prices`).
        max_cost: never pass this; needs a price.
        cassette: where replies are kept and found again; None keeps nothing.
        requests_per_minute: at most so many.
        tokens_per_minute: at most so many, read and written.
        concurrency: calls on their way at the same time.
        replay: ask nobody; answers come from the cassette only.

    Raises:
        UsageError: a limit makes no sense, or there is nothing to replay.
    """

    prices: Path | None = None
    max_cost: float | None = None
    cassette: Path | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrency: int = 4
    replay: bool = False

    def __post_init__(self) -> None:
        SpendingLedger(self.max_cost)
        self.rate_limiter  # noqa: B018 - checks its numbers
        if self.concurrency < 1:
            raise UsageError(f"concurrency must be at least 1, not {self.concurrency}")
        if self.replay and self.cassette is None:
            raise UsageError("a replay needs a cassette")
        if self.replay and self.cassette is not None and not self.cassette.is_file():
            raise UsageError(f"there is no cassette {self.cassette} to replay")

    def price_of(self, model: str) -> Price | None:
        """The price of a model; None without a table.

        Raises:
            UsageError: the table cannot be read or lacks the model, or there is a limit on the cost and no table.
        """
        if self.prices is None:
            if self.max_cost is not None:
                raise UsageError(f"--max-cost needs the price of {model}: name a price table with --prices")
            return None
        table = load_prices(self.prices)
        if model not in table:
            raise UsageError(f"{unknown('model', model, table)} (in the price table {self.prices})")
        return table[model]

    @property
    def rate_limiter(self) -> RateLimiter:
        """A new rate limit of so many requests and tokens a minute."""
        return RateLimiter(self.requests_per_minute, tokens_per_minute=self.tokens_per_minute)


def chat_for(
    spec: str, spending: Spending | None = None, *, key_from: str | None = None, dialect: Dialect | None = None
) -> Chat:
    """The chat model of that name, ready to be asked; use it in a `with` statement, which closes its cassette.

    What is missing is found now: the key, the provider's package, the price. A replay needs neither key nor package.

    Raises:
        UsageError: see `client_for` and `Spending.price_of`; or no key, or no package.
        StoreError: the cassette cannot be used.
    """
    return chats_for([client_for(spec, key_from=key_from, dialect=dialect)], spending or Spending())[0]


def ready(client: Client, spending: Spending) -> Price | None:
    """The price of a client's model. Finds what is missing; nothing is sent and no cassette opened.

    Raises:
        UsageError: no price, no key or no package, or the key stands in the model's name.
    """
    price = spending.price_of(client.model)
    if spending.max_cost is not None and getattr(client, "limit_name", "") == "none":
        raise UsageError("--max-cost needs a limit on replies, and --limit-name none sends none")
    if client.secret.occurs_in(f"{client.model} {client.endpoint}"):
        raise UsageError("the name of the chat model or its address holds the API key; keys come from the environment")
    if not spending.replay:
        client.prepare()
    return price


def chats_for(clients: Sequence[Client], spending: Spending) -> list[Chat]:
    """One chat for each client; they share a cassette and its limit on the cost.

    Raises:
        UsageError: see `ready`.
        StoreError: the cassette cannot be used.
    """
    prices = [ready(client, spending) for client in clients]
    cassette = None
    if spending.cassette is not None:
        cassette = Cassette(spending.cassette, "replay" if spending.replay else "record")
    try:
        ledger = SpendingLedger(spending.max_cost, 0.0 if cassette is None else cassette.spent)
        return [
            Chat(
                client,
                cassette=cassette,
                price=price,
                ledger=ledger,
                rate_limiter=spending.rate_limiter,
                concurrency=spending.concurrency,
            )
            for client, price in zip(clients, prices, strict=True)
        ]
    except UsageError:
        if cassette is not None:
            cassette.close()
        raise
