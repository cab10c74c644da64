"""`unispect models`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from unispect.cli.console import say, show_table
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.models.registry import card_of, cards, family_of, is_remote

STEPS = ("keys", "numbers", "contract", "real_weights")


def models(name: str = "", /, *, layouts: Annotated[bool, Parameter(negative=())] = False) -> None:
    """List the models and what is proven about each.

    A port is proven in three steps: its *keys* are those of the published checkpoint, its *numbers* are the authors'
    own, and it keeps the *contract* every model keeps. "Real weights" says whether the published weights themselves
    were ever run with it.

    Args:
        name: show everything known about this model instead of the list.
        layouts: show in which layouts its checkpoints are read, by folder, file or hub id.
    """
    if layouts:
        _show_layouts(name)
        return
    if name:
        _show(card_of(name))
        return
    show_table(
        ("model", "makes pictures by", "size", "keys", "numbers", "contract", "real weights"),
        [
            (card.id, card.paradigm.partition(",")[0], _size(card), *(_held(card, step) for step in STEPS))
            for card in cards().values()
        ],
        right=("size",),
    )
    say()
    say("Weights of published models: --model NAME=FOLDER or NAME=owner/name@revision; NAME=FOLDER/FILE where a")
    say("folder holds several sets of weights; --adapter FOLDER:WEIGHT merges adapters into them (docs/weights.md).")
    say("More: unispect models NAME")
    say(
        "Models behind an API: PROVIDER:CHAT, PROVIDER:CHAT+IMAGE or PROVIDER:+IMAGE, and @BASE_URL for another server;"
    )
    say("providers: openai, openai-sdk, anthropic, google (docs/chat.md).")


def _show_layouts(name: str) -> None:
    from unispect.models.layouts import told  # torch takes time to import

    if not name or is_remote(name):
        raise UsageError("layouts are those of one model's weights; name it: unispect models NAME --layouts")
    rows = told(family_of(card_of(name)).layout)
    width = max(map(len, rows))
    for what, names in rows.items():
        say(f"{what:{width}}  {', '.join(names)}")
    say()
    say("Settings and tokenizer stand beside the weights; what is refused, and why: docs/weights.md.")


def _show(card: ModelCard) -> None:
    lines = {
        "model": card.id,
        "family": card.family,
        "makes pictures by": card.paradigm,
        "encoders": card.encoders,
        "grown from": card.backbone,
        "trained further": f"from {card.tuned_from} by {card.tuned_by}" if card.tuned_from else "",
        "size": _size(card),
        "picture": f"{card.image_size} px" + (f", {card.image_tokens} tokens" if card.image_tokens else ""),
        "published as": card.hub or ("shipped with unispect" if card.verification.real_weights else "nowhere"),
        "licence": card.licence or "not stated",
        "can": ", ".join(sorted(card.capabilities)),
        "defaults": ", ".join(f"{key} {value:g}" for key, value in card.defaults.items()) or "none",
        "taught": ", ".join(f"lexicon {name} by {how}" for name, how in card.taught.items()),
        "planted": card.planted,
        "keys": card.verification.keys or "not shown",
        "numbers": card.verification.numbers or "not shown",
        "contract": card.verification.contract or "not shown",
        "real weights": card.verification.real_weights or "never run",
    }
    width = max(map(len, lines))
    for key, value in lines.items():
        if value:
            say(f"{key:{width}}  {value}")
    for note in card.notes:
        say(f"{'note':{width}}  {note}")


def _held(card: ModelCard, step: str) -> str:
    return "yes" if getattr(card.verification, step) else "no"


def _size(card: ModelCard) -> str:
    if card.parameters is None:
        return "unknown"
    return f"{card.parameters / 1000:.1f} B" if card.parameters >= 1000 else f"{card.parameters:.1f} M"
