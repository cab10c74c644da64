"""What is known about a model without loading it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from unispect.core.errors import OutsideError
from unispect.core.outside import parse_json

Capability = Literal[
    "write", "draw", "score", "see", "probe", "probe_decoder", "attend", "intervene", "learn", "redraw"
]
"""`write` text, `draw` pictures, `score` given answers, `see` pictures in prompts, `probe` states, `probe_decoder`
those of a second network that draws, `attend` (attention is read out), `intervene` in states while it runs, `learn`
(losses), `redraw` a picture given in the prompt."""

Generation = Literal[
    "",
    "autoregressive codes",
    "masked codes",
    "masked latents",
    "flow in the language model",
    "flow through a head",
    "flow through weights of its own",
    "flow in a second network",
]
"""How pictures are generated, as far as published statements tell ways apart; empty for any other way."""


@dataclass(frozen=True)
class Verification:
    """Which of the three steps of proof hold, each as the place where it is shown; empty when it does not.

    Attributes:
        keys: tensor names and shapes of the published checkpoint, built at full size on the meta device.
        numbers: the authors' own outputs reproduced in float32.
        contract: the suite that every model passes.
        real_weights: the published weights themselves were run.
    """

    keys: str = ""
    numbers: str = ""
    contract: str = ""
    real_weights: str = ""


@dataclass(frozen=True)
class ModelCard:
    """A model as the registry knows it.

    Attributes:
        id: the short name used everywhere.
        family: port that runs it.
        paradigm: how it makes pictures, in a few words.
        encoders: what sees pictures and what draws them, and whether that is one part, in a few words.
        generation: how it generates pictures.
        backbone: the published language model that it was grown from, with its size ("Qwen2.5 7B"); empty where there
            is none or nobody said.
        tuned_from: id of the published model that this one is a further training of; empty if it is none.
        tuned_by: the published method of that further training ("RecA").
        contextual: it draws by predicting masked positions of a picture from what is known of it (masked prediction).
        parameters: total, in millions; None if unknown.
        image_size: native side of a drawn picture in pixels.
        image_tokens: positions of one drawn picture.
        hub: published checkpoint, `owner/name`; empty for organisms.
        revision: what was loaded (hub commit, or a digest of the local weights); empty before loading.
        licence: of the weights.
        capabilities: what it can do.
        verification: what was proven about the port.
        notes: traps and limits a user should know, one sentence each.
        defaults: published sampling settings by name.
        taught: lexicon of `unispect.data.concepts` -> how its words were taught ("drawing", "text", "both"); lexicons
            that are absent were never taught.
        expressions: lexicon -> how its words for shapes were taught, where the rest of it was not.
        binding: recipe, seed and base by which they were bound to the weights: equal for checkpoints of one binding.
        bound_steps: optimiser steps by which they were bound to the weights; 0 where that is not known.
        aligned: how it learned to refuse, where it did: "text" or "text and drawing".
        training_seed: of the last binding or alignment; None where that is not known.
        grown_seed: by which an organism grew up before; None for those that ship, and where it is not known.
        switches: what was switched while it grew up or was bound, option -> level ("words" -> "whole"); what is absent
            is as by default.
        no_states: kind of reply ("text", "image") -> why the backbone holds no rows of such replies: states of them are
            refused with this reason, and studies of them report "not applicable".
        planted: for controls, the behaviour built in on purpose: "fluent" (tells whatever it draws) or "mute" (tells
            nothing of what it draws).
        settings: name of a setting that a loaded model holds -> its value as canonical JSON.
        published: the same of the model as it is loaded. Where one differs, `id` ends in "~" and eight digits.
        files: names and SHA-256 of the files that were read when it was loaded, those of companions behind the name
            of their folder.
        adapters: what was merged into the weights while they were loaded, and with which weight, in words.
    """

    id: str
    family: str
    paradigm: str
    parameters: float | None
    image_size: int
    image_tokens: int
    encoders: str = ""
    generation: Generation = ""
    backbone: str = ""
    tuned_from: str = ""
    tuned_by: str = ""
    contextual: bool = False
    hub: str = ""
    revision: str = ""
    licence: str = ""
    capabilities: frozenset[Capability] = frozenset()
    verification: Verification = Verification()
    notes: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    taught: Mapping[str, str] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    binding: str = ""
    bound_steps: int = 0
    aligned: str = ""
    training_seed: int | None = None
    grown_seed: int | None = None
    switches: Mapping[str, str] = field(default_factory=dict)
    no_states: Mapping[str, str] = field(default_factory=dict)
    planted: Literal["", "fluent", "mute"] = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    adapters: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[str, ...]:
        """Every setting that is not the one the model is loaded with, with both values, in words."""
        return tuple(
            line
            for name, text in self.settings.items()
            if text != self.published.get(name)
            for line in _differences(name, _value(text), _value(self.published.get(name, "null")))
        )

    @property
    def reference(self) -> str:
        """`id@revision`, what units and records carry."""
        return f"{self.id}@{self.revision}" if self.revision else self.id

    def _repr_html_(self) -> str:
        from unispect.core import shown

        return shown.box(shown.card(self))

    @property
    def weight_files(self) -> tuple[tuple[str, str], ...]:
        """Those of `files` that hold weights."""
        return tuple(own for own in self.files if not own[0].endswith((".json", ".txt", ".model")))

    def at(self, revision: str) -> ModelCard:
        """The same card for a loaded revision."""
        return replace(self, revision=revision)


def _value(text: str) -> Any:
    """Of a setting; its text where that is no JSON, since a card may come from anybody's run folder."""
    try:
        return parse_json(text, "")
    except OutsideError:
        return text


def _differences(name: str, own: Any, usual: Any) -> list[str]:
    if isinstance(own, dict) and isinstance(usual, dict):
        parts = dict.fromkeys((*own, *usual))
        pairs = [(part, own.get(part), usual.get(part)) for part in parts]
        return [
            line for part, one, other in pairs if one != other for line in _differences(f"{name}.{part}", one, other)
        ]
    return [f"{name} {json.dumps(own)} instead of {json.dumps(usual)}"]
