"""Chat models by one spelling, on every command line: `PROVIDER:MODEL` or `PROVIDER:MODEL@BASE_URL`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.budget import Ledger, Price, load_prices
from unispect.chat.cassette import Cassette
from unispect.chat.chat import Chat
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.http import LOCAL, checked_url
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.chat.openai_sdk import OpenAISDK
from unispect.chat.patience import Pace
from unispect.chat.pictures import LIMITS as PICTURES
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
        return urlsplit(self.base_url).hostname in LOCAL

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
    model, *given = re.split(r"@(?=[a-z]+://)", rest.strip(), maxsplit=1)
    if given:
        base_url = checked_url(given[0], with_key=False)
    elif re.search(r"@(localhost|[\w.-]+:\d+)([:/]|\Z)", model):
        raise UsageError("the address behind @ must begin with http:// or https://")
    else:
        base_url = PROVIDERS[provider].base_url
    if not model.strip():
        raise UsageError(f"no model is named in {provider}:; write {SPELLING}")
    return Named(provider, model.strip(), base_url)


def client_for(spec: str, *, key_from: str | None = None) -> Client:
    """The way to the chat model of that name. Nothing is sent and no key read.

    Args:
        spec: `PROVIDER:MODEL[@BASE_URL]`.
        key_from: the environment variable that holds the key, if it is not the provider's usual one; empty for none.

    Raises:
        UsageError: the name cannot be read, or nobody said which key goes to a machine that is not the provider's.
    """
    return client_of(parse(spec), key_from)


def client_of(named: Named, key_from: str | None = None) -> Client:
    """The way to a chat model; see `client_for`."""
    secret = named.secret(key_from)
    if named.provider == "anthropic":
        return AnthropicSDK(named.model, secret, named.base_url)
    if named.provider == "google":
        return GoogleSDK(named.model, secret, named.base_url)
    if named.provider == "openai-sdk":
        return OpenAISDK(named.model, secret, named.base_url)
    limit = "max_completion_tokens" if named.own else "max_tokens"
    return OpenAIHTTP(named.model, named.base_url, secret, limit_name=limit)


def drawer_of(named: Named, key_from: str | None = None) -> Client:
    """The way to a model that draws; OpenAI's are reached over plain HTTP in any case.

    Raises:
        Unsupported: the provider has none.
        UsageError: as `client_for`.
    """
    if named.provider == "anthropic":
        raise Unsupported(f"anthropic:{named.model}", "draw", "Anthropic offers no model that draws pictures")
    secret = named.secret(key_from)
    if named.provider == "google":
        return GoogleSDK(named.model, secret, named.base_url, PICTURES)
    return OpenAIPictures(named.model, named.base_url, secret, ask_for_bytes=not named.own)


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
        Ledger(self.max_cost)
        self.pace  # noqa: B018 - checks its numbers
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
    def pace(self) -> Pace:
        """A new pace of so many requests and tokens a minute."""
        return Pace(self.requests_per_minute, tokens_per_minute=self.tokens_per_minute)


def chat_for(spec: str, spending: Spending | None = None, *, key_from: str | None = None) -> Chat:
    """The chat model of that name, ready to be asked; use it in a `with` statement, which closes its cassette.

    What is missing is found now: the key, the provider's package, the price. A replay needs neither key nor package.

    Raises:
        UsageError: see `client_for` and `Spending.price_of`; or no key, or no package.
        StoreError: the cassette cannot be used.
    """
    return chats_for([client_for(spec, key_from=key_from)], spending or Spending())[0]


def ready(client: Client, spending: Spending) -> Price | None:
    """The price of a client's model. Finds what is missing; nothing is sent and no cassette opened.

    Raises:
        UsageError: no price, no key or no package.
    """
    price = spending.price_of(client.model)
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
        ledger = Ledger(spending.max_cost, 0.0 if cassette is None else cassette.spent)
        return [
            Chat(
                client,
                cassette=cassette,
                price=price,
                ledger=ledger,
                pace=spending.pace,
                concurrency=spending.concurrency,
            )
            for client, price in zip(clients, prices, strict=True)
        ]
    except UsageError:
        if cassette is not None:
            cassette.close()
        raise
