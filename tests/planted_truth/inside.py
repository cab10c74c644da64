"""Worlds about states as measured: what the studies of entropies say of curves without an effect, or with one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from tests.planted_truth.case import Claim, Truth, World
from tests.planted_truth.curves import Levels, card, encoded, replied
from tests.planted_truth.product import encoding, response, statements
from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.models.registry import completed

HOLDS, FAILS, BORDER, SHOWN = Truth.HOLDS, Truth.FAILS, Truth.UNKNOWABLE, Truth.SHOWN
PROMPTS = (3, 6, 12, 24)
"""Prompts of each kind; the kinds are five of text and five of pictures."""


def worlds() -> Iterator[World]:
    """Every one of them."""
    yield from _entropies()
    yield from _replies()
    yield from _statements()


def _encoding(levels: Levels, limit: int, seed: int) -> Sequence[Finding]:
    return encoding(encoded(levels, seed, of=card(), limit=limit), {"planted": card()})


def _entropies() -> Iterator[World]:
    null = (
        Claim("text and pictures run at different entropies", "levels-", FAILS),
        Claim("at the embedding, pictures have the higher entropy", "start-", FAILS),
        Claim("they approach each other with depth", "convergence-", FAILS),
        Claim("the order is the same under both presets", "presets-agree", SHOWN),
        Claim("longer prompts have a higher entropy", "length-", FAILS),
    )
    rows = Levels(rows=lambda place: 32 + 7 * place % 23)
    for each in PROMPTS:
        yield World("encoding", f"text and pictures alike, {each} prompts a kind", partial(_encoding, rows, each), null)
    apart = replace(rows, text=np.linspace(3.0, 3.8, 7).tolist(), image=4.0)
    true = (
        Claim("text and pictures run at different entropies", "levels-", HOLDS),
        Claim("at the embedding, pictures have the higher entropy", "start-", HOLDS),
        Claim("they approach each other with depth", "convergence-", HOLDS),
        Claim("the order is the same under both presets", "presets-agree", HOLDS),
    )
    for each in (6, 24):
        yield World(
            "encoding", f"text 1 bit lower, closing to .2, {each} prompts a kind", partial(_encoding, apart, each), true
        )


def _response(levels: Levels, limit: int, seed: int) -> Sequence[Finding]:
    return response(replied(levels, seed, of=card(), limit=limit), {"planted": card()})


def _replies() -> Iterator[World]:
    order = Claim("text replies lie above picture replies at every layer", "order-", FAILS)
    gain = Claim("replies fit their own prompt better", "gain-", FAILS)
    for each in (6, 16):
        yield World(
            "response",
            f"replies alike and owing nothing to their prompt, {each} prompts",
            partial(_response, Levels(gain=0.0), each),
            (order, gain, Claim("the order is the same under both presets", "presets-agree", SHOWN)),
        )
        yield World(
            "response",
            f"text replies .5 bit higher, gain .3, {each} prompts",
            partial(_response, Levels(text=4.5), each),
            (replace(order, truth=HOLDS), replace(gain, truth=HOLDS)),
        )


def _published(levels: Levels, limit: int, families: tuple[str, ...], answers: bool, seed: int) -> Sequence[Finding]:
    models = [completed(card(f"planted-{family}", family)) for family in families]
    left = {"encoding": [e for own in models for e in encoded(levels, seed, of=own, limit=limit)]}
    if answers:
        left["response"] = [e for own in models for e in replied(levels, seed, of=own, limit=limit)]
    cards: Mapping[str, ModelCard] = {own.reference: own for own in models}
    return statements(left, cards)


NULLS = {
    "T1": ("pictures have a higher embedding entropy", FAILS),
    "T2": ("the gap exceeds what kinds differ by", FAILS),
    "F4a": ("embedding entropy rises with length", FAILS),
    "F4d": ("deep layers have a high entropy", SHOWN),
    "F4f": ("short prompts reach a high entropy earlier", FAILS),
    "F4g": ("middle lengths oscillate more", FAILS),
    "F5a": ("kinds of text take nearly the same trajectory", HOLDS),
    "F6a": ("kinds of pictures take nearly the same trajectory", HOLDS),
    "F6b": ("the entropy of pictures grows gradually", FAILS),
    "F6c": ("the entropy of pictures is stable", HOLDS),
    "S1": ("text collapses and rebounds, pictures flat", FAILS),
    "S2": ("text rises, pictures climb and meet it", FAILS),
    "S3": ("text surges early, both stay on a plateau", FAILS),
    "S4": ("text rises to the middle and stays", FAILS),
    "R1": ("text replies lie above picture replies", FAILS),
    "R2": ("picture replies above early, text ends above or level", FAILS),
}
"""Statements about curves that are flat and alike, whatever kind, length or modality."""
FAMILIES = ("bagel", "harmon", "omnigen2", "show-o2", "janus-pro")


def _statements() -> Iterator[World]:
    claims = tuple(Claim(f"{name}: {what}", f"{name}-", truth) for name, (what, truth) in NULLS.items())
    flat = Levels(rows=lambda place: 32 + 7 * place % 23)
    one = tuple(claim for claim in claims if claim.name[:3] in ("T1:", "T2:", "F4a", "F4g", "F5a", "F6a"))
    yield World(
        "statements",
        "flat curves of one model, kinds and modalities alike, 3 prompts a kind",
        partial(_published, flat, 3, ("none",), False),
        one,
    )
    for each in PROMPTS:
        yield World(
            "statements",
            f"flat curves, kinds and modalities alike, {each} prompts a kind",
            partial(_published, flat, each, FAMILIES, each <= 12),
            claims,
        )
