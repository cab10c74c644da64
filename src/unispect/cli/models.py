"""`unispect models`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.console import say, say_json
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.models.registry import card_of, cards, family_of, is_remote

_FLAG = Parameter(negative=(), show_default=False)


def models(
    name: Annotated[str, Parameter(show_default=False)] = "",
    /,
    *,
    layouts: Annotated[bool, _FLAG] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> None:
    """List the models and what is proven about each.

    A port is proven in three steps: its keys are those of the published checkpoint, its numbers are the authors' own,
    and it keeps the contract that every model keeps. Behind that stands whether the published weights themselves were
    ever run with it.

    Args:
        name: show everything known about this model instead of the list.
        layouts: show in which layouts its checkpoints are read, by folder, file or hub id.
        as_json: print everything known about the model, or about all, as JSON.
    """
    if layouts:
        _show_layouts(name)
    elif as_json:
        say_json(_facts(card_of(name)) if name else [_facts(card) for card in cards().values()])
    elif name:
        _show(card_of(name))
    else:
        _list()


def _list() -> None:
    known = cards()
    shipped = [card for card in known.values() if card.verification.real_weights == "shipped"]
    published = [card for card in known.values() if card not in shipped]
    for family, several in groupby(published, key=lambda card: card.family):
        of_family = list(several)
        say(f"{family}: {of_family[0].paradigm.partition(',')[0]}", "bold")
        width = max(len(card.id) for card in of_family)
        for card in of_family:
            say(f"  {card.id:{width}}  {_size(card):>6}  {_proven(card)}")
    if shipped:
        _list_organisms(shipped)
    say()
    say(
        "keys: tensor names of the published checkpoint; numbers: the authors' own outputs; contract: what every model "
        "keeps; run or never run: with the published weights."
    )
    say("All about one: unispect models NAME. Files that are read: unispect models NAME --layouts.")
    say("Weights of published models: --model NAME=FOLDER or NAME=owner/name@revision (docs/weights.md).")
    say("Models behind an API: --model PROVIDER:CHAT, PROVIDER:CHAT+IMAGE or PROVIDER:+IMAGE (docs/chat.md).")


def _list_organisms(shipped: Sequence[ModelCard]) -> None:
    """A line for each that grew up; what was made of it stands behind it, and once what that is."""
    say("organisms: tiny models of these families, whose weights come with unispect", "bold")
    grown = [card for card in shipped if not card.taught]
    width = max(len(card.id) for card in grown)
    variants: dict[str, str] = {}
    for card in grown:
        made = {own.id.removeprefix(card.id): own for own in shipped if own.id.startswith(f"{card.id}-")}
        made = {ending: own for ending, own in made.items() if own.taught and own.family == card.family}
        variants |= {ending: own.notes[-1] for ending, own in made.items() if own.notes}
        say(f"  {card.id:{width}}  {_size(card):>6}  and {', '.join(made)}" if made else f"  {card.id}")
    for ending, what in variants.items():
        say(f"  {ending:{width}}  {what}")


def _facts(card: ModelCard) -> dict[str, object]:
    return {**asdict(card), "capabilities": sorted(card.capabilities)}


def _proven(card: ModelCard) -> str:
    """What is proven about a port, in words."""
    tested = [step for step in ("keys", "numbers", "contract") if getattr(card.verification, step)]
    ran = "run" if card.verification.real_weights else "never run"
    return f"{', '.join(tested) or 'nothing'} tested; {ran}"


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


def _size(card: ModelCard) -> str:
    if card.parameters is None:
        return "unknown"
    if card.parameters >= 1000:
        return f"{card.parameters / 1000:.1f} B"
    return f"{card.parameters:.0f} M" if card.parameters >= 100 else f"{card.parameters:.1f} M"
