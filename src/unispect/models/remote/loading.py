"""Models behind an API, made from their names."""

from __future__ import annotations

from dataclasses import replace

from unispect.chat.budget import NO_PRICE_OF_PICTURES
from unispect.chat.named import Spending, chats_for, client_of, drawer_of, ready
from unispect.chat.values import Client
from unispect.core.errors import UsageError
from unispect.models.remote.model import RemoteModel
from unispect.models.remote.names import Asking, RemoteName, card_for, remote_name


def check(spec: str, spending: Spending, *, key_from: str | None = None, asking: Asking | None = None) -> None:
    """Finds what is missing to ask a model: key, package, price, a way there. Nothing is sent, no cassette opened.

    Raises:
        UsageError: what it is, or what the provider has no place for.
        Unsupported: the provider does not offer what the name asks for.
    """
    name = remote_name(spec)
    for draws, client in _clients(name, key_from, asking or Asking()):
        price = ready(client, spending)
        if draws and spending.max_cost is not None and not (price and price.draws):
            raise UsageError(f"{NO_PRICE_OF_PICTURES} {client.model} ({spending.prices})")


def load(
    spec: str, spending: Spending | None = None, *, key_from: str | None = None, asking: Asking | None = None
) -> RemoteModel:
    """The model of that name; close it, so that its cassette is free again.

    Without a cassette nothing is kept: what is asked twice is paid for twice.

    Args:
        spec: `PROVIDER:CHAT`, `PROVIDER:CHAT+IMAGE` or `PROVIDER:+IMAGE`, each with `@BASE_URL` for another server.
        spending: what asking may take.
        key_from: the environment variable that holds the key, if it is not the provider's usual one; empty for none.
        asking: how it is asked.

    Raises:
        UsageError: see `check`.
        Unsupported: likewise.
        StoreError: the cassette cannot be used.
    """
    spending, asking, name = spending or Spending(), asking or Asking(), remote_name(spec)
    check(spec, spending, key_from=key_from, asking=asking)
    clients = _clients(name, key_from, asking)
    chats = iter(chats_for([client for _, client in clients], spending))
    return RemoteModel(
        card_for(spec, asking),
        replace(asking, size=name.size(asking)),
        next(chats) if name.writes else None,
        next(chats) if name.draws else None,
        priced=spending.prices is not None,
        diffuses=name.diffuses,
    )


def _clients(name: RemoteName, key_from: str | None, asking: Asking) -> list[tuple[bool, Client]]:
    name.require_place(asking)
    clients: list[tuple[bool, Client]] = []
    if name.writes:
        clients.append((False, client_of(name.writes, key_from, asking.dialect)))
    if name.draws:
        clients.append((True, drawer_of(name.draws, key_from, asking.dialect)))
    return clients
