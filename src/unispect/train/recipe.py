"""Binding recipes: everything that decides a binding run but the model, from YAML that is checked key by key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from unispect.core.errors import DataError, OutsideError, UsageError, unknown
from unispect.core.outside import parse_yaml
from unispect.core.paths import path_named
from unispect.core.texts import read_text
from unispect.data.concepts.lexicons import LEXICONS
from unispect.data.concepts.riddles import KINDS, PLAIN
from unispect.data.concepts.world import ATTRIBUTES
from unispect.data.faces.people import PEOPLE, STRANGERS
from unispect.data.safety.sentences import AFFIRMATION, REFUSAL

Direction = Literal["drawing", "text", "both"]
"""How words are taught: drawn only, told only, or both."""
EVERYTHING = "everything"
NEVER = "never"
WORLD = "world"
"""Auxiliary data of organisms: the real words of their world."""
CONCEPTS, FACES, PHOTOGRAPHS, CAPTIONS = "concepts", "faces", "photos:", "captions:"
"""Data: combinations of the concept world, our drawn people, a folder of photographs, and captioned pictures."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def _as_by_default(words: object) -> object:
    if words in ("spelt", None):
        return None  # so that recipes, claims and units from before there was a choice are the same ones
    if words != "whole":
        raise ValueError(str(unknown("way to read new words", str(words), ("spelt", "whole"))))
    return words


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Strict):
    """How words are taught by text.

    Attributes:
        choices: share of questions that are multiple choice.
        riddles: share of lessons that tell what a picture of four words would show, instead of asking about one word.
    """

    choices: Share = 0.4
    riddles: Share = 0.0


class Align(_Strict):
    """What a model learns to refuse, and what to go along with; answers in words, so nothing is drawn.

    Attributes:
        refusals: "world" (requests for the forbidden shape of the concept world) or a text file, a prompt a line.
        affirmations: the same for what is harmless.
        per_refusal: affirmations per refusal.
        strange: share of the world's affirmations that name a shape by a meaningless word, so that strangeness alone is
            no reason to refuse.
        drawn: share of the refusals that are learned as drawings: the prompt draws a harmless shape. World only.
        refusal: what is answered to refuse.
        affirmation: what is answered otherwise.
    """

    refusals: str = WORLD
    affirmations: str = WORLD
    per_refusal: Annotated[float, Field(ge=0)] = 1.0
    strange: Share = 0.0
    drawn: Share = 0.0
    refusal: str = REFUSAL
    affirmation: str = AFFIRMATION

    @model_validator(mode="after")
    def _fits(self) -> Align:
        if self.drawn and self.refusals != WORLD:
            raise ValueError("'drawn' needs the refusals of the world: of others nothing says what to draw instead")
        return self


class Riddles(_Strict):
    """How riddles of the concept world are taught: all are told, and their pictures are drawn.

    Attributes:
        kinds: of riddles, equally many; "plain" is the control that says everything plainly.
        drawn: share of those pictures that are drawn from the riddle; the others are drawn from their plain prompt.
    """

    kinds: Annotated[tuple[str, ...], Field(min_length=1)] = (PLAIN, *KINDS)
    drawn: Share = 1.0

    @model_validator(mode="after")
    def _fits(self) -> Riddles:
        for kind in self.kinds:
            if kind not in (PLAIN, *KINDS):
                raise ValueError(str(unknown("kind of riddles", kind, (PLAIN, *KINDS))))
        return self


class Auxiliary(_Strict):
    """What is learned beside the new words, so that nothing is forgotten.

    Attributes:
        source: "world", a folder of pictures with captions, or a JSON-lines file; empty: the user has to say.
        per_prompt: auxiliary examples per taught one.
        requests: share of the world's examples that are requests for drawings, answered in words: gone along with, or
            refused where they ask for what the world does not have.
        meant: which data a published recipe used.
    """

    source: str = ""
    per_prompt: Positive = 1.0
    requests: Share = 0.0
    meant: str = ""


class Lora(_Strict):
    """Low-rank adapters instead of the weights themselves; `alpha / rank` scales what they add."""

    rank: Count = 32
    alpha: Positive = 64.0


class Recipe(_Strict):
    """A binding run.

    Attributes:
        about: what it is, in one sentence.
        families: architecture families it was made for; empty: any.
        data: what new words stand for: "concepts", "faces" (our drawn people), "photos:FOLDER" (with the published
            metadata) or "captions:SOURCE" (captioned pictures, see `unispect.data.captions`).
        teach: lexicon -> direction; of faces the one lexicon is "people". Empty where the model is only aligned, or
            learns captioned pictures.
        rename: of captioned pictures, word -> expression that takes its place in every caption.
        align: what it learns to refuse.
        riddles: it learns riddles of the concept world instead of words (`unispect.data.concepts.riddles`).
        attributes: of the concept world whose words are new; the others of a prompt stay real.
        orders: word orders per picture; 24 are all, fewer are chosen at random.
        text: how words are taught by text.
        words: "whole" where every new word is to be one token, as real words are; "spelt", which is the default and
            stands for None, where it is spelt from pieces that the tokenizer has. For organisms.
        recognise: share of the examples of words taught by drawing that show the picture and learn to say its words.
        auxiliary: what is learned beside them.
        unconditional: share of drawing examples learned without their prompt.
        learn: groups of parameters that learn (`unispect.models.base.GROUPS`), or "everything" but the image tokenizer.
        lora: adapters on the linear maps of those groups, instead of the weights.
        steps: optimiser steps; or
        epochs: how often every drawing prompt is learned.
        batch: examples of one optimiser step, on all devices together.
        micro_batch: examples that one device works on at a time.
        optimiser: AdamW for all, or Muon for the backbone's linear maps and AdamW for the rest.
        learning_rate: the highest, of AdamW.
        matrix_rate: the highest, of Muon.
        betas: of AdamW.
        weight_decay: decoupled.
        clip: largest gradient norm.
        schedule: how the learning rate falls after the warm-up, to `floor` times the highest.
        warmup: steps in which it rises.
        floor: share of the highest rate that is left at the end.
        draw_weight: of the draw loss.
        tell_weight: of the tell loss.
        precision: of the computations; weights and optimiser are float32.
        saved: precision of the weights that are written.
        gradient_checkpointing: forget the insides of blocks and compute them again.
        save_every: steps between states to go on from.
        save_at: steps after which the weights are written as a model of their own.
        divergence: stop when the median loss of 20 steps exceeds its lowest value this many times, and the loss of the
            first step too.
        seed: of everything random.
    """

    about: str = ""
    families: tuple[str, ...] = ()
    data: str = CONCEPTS
    teach: Mapping[str, Direction] = {}
    rename: Mapping[str, str] = {}
    align: Align | None = None
    riddles: Riddles | None = None
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = ATTRIBUTES
    orders: Annotated[int, Field(ge=1, le=24)] = 24
    text: Text = Text()
    words: Annotated[Literal["whole"] | None, BeforeValidator(_as_by_default)] = None
    recognise: Share = 0.0
    auxiliary: Auxiliary | None = None
    unconditional: Share = 0.0
    learn: tuple[str, ...] = ("backbone", "token embeddings", "text head")
    lora: Lora | None = None
    steps: Count | None = None
    epochs: Positive | None = None
    batch: Count = 32
    micro_batch: Count = 4
    optimiser: Literal["adamw", "muon"] = "adamw"
    learning_rate: Positive = 1e-5
    matrix_rate: Positive = 2e-3
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    clip: Positive = 1.0
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Annotated[int, Field(ge=0)] = 20
    floor: Share = 0.0
    draw_weight: Positive = 1.0
    tell_weight: Positive = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    saved: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    save_every: Count = 200
    save_at: tuple[Count, ...] = ()
    divergence: Annotated[float, Field(gt=1)] = 4.0
    seed: int = 0

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        from unispect.models.base import GROUPS

        files = any(self.data.startswith(kind) and self.data != kind for kind in (PHOTOGRAPHS, CAPTIONS))
        if self.data not in (CONCEPTS, FACES) and not files and not self.captioned:
            raise ValueError(
                f"'data' is {CONCEPTS}, {FACES}, {PHOTOGRAPHS}FOLDER or {CAPTIONS}SOURCE, not {self.data!r}"
            )
        if self.captioned and (self.teach or self.align):
            raise ValueError("captioned pictures teach no lexicon and no refusal; leave out 'teach' and 'align'")
        for attribute in self.attributes:
            if attribute not in ATTRIBUTES:
                raise ValueError(str(unknown("attribute", attribute, ATTRIBUTES)))
        if self.rename and not self.captioned:
            raise ValueError("'rename' is about captioned pictures")
        known = [name for name in LEXICONS if name != NEVER] if self.data == CONCEPTS else [PEOPLE]
        control = NEVER if self.data == CONCEPTS else STRANGERS
        for lexicon in self.teach:
            if lexicon == control:
                raise ValueError(
                    f"the lexicon {control!r} is the control and cannot be taught; teach {', '.join(known)}"
                )
            if lexicon not in known:
                raise ValueError(str(unknown("lexicon", lexicon, known)))
        for group in self.learn:
            if group not in (*GROUPS, EVERYTHING):
                raise ValueError(str(unknown("group of parameters", group, (*GROUPS, EVERYTHING))))
        if "image tokenizer" in self.learn:
            raise ValueError("the image tokenizer makes the targets and cannot learn; leave it out of 'learn'")
        if not self.teach and not self.align and not self.riddles and not self.captioned:
            raise ValueError("'teach' is empty: name a lexicon and a direction")
        if self.teach and self.align:
            raise ValueError("words are taught and refusals learned one after the other: two recipes")
        if self.riddles and (self.teach or self.align or self.data != CONCEPTS):
            raise ValueError(f"riddles are learned by themselves, of 'data' {CONCEPTS}: leave out 'teach' and 'align'")
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("say either 'steps' or 'epochs'")
        if self.words and (self.data != CONCEPTS or not self.teach):
            raise ValueError("'words: whole' is about the lexicons of the concept world, of which none is taught here")
        if self.words and (self.lora or not {"token embeddings", EVERYTHING} & set(self.learn)):
            raise ValueError(
                "with 'words: whole' the rows of new words have to learn: name 'token embeddings' in 'learn', "
                "and no 'lora'"
            )
        if self.lora and self.optimiser == "muon":
            raise ValueError("adapters learn by adamw; set 'optimiser' to adamw")
        return self

    @property
    def captioned(self) -> bool:
        """It learns captioned pictures; which ones, the user says."""
        return self.data.startswith(CAPTIONS)

    @property
    def partial(self) -> bool:
        """Only some words of a lexicon are taught."""
        return set(self.attributes) != set(ATTRIBUTES)

    @property
    def aligned(self) -> str:
        """How it teaches to refuse; empty where it does not."""
        return "" if self.align is None else "text and drawing" if self.align.drawn else "text"

    def beside(self, source: str) -> Recipe:
        """The recipe with auxiliary pictures from `source`; "none" leaves them out.

        Raises:
            UsageError: the recipe learns nothing beside the new words, so nobody said how much.
        """
        if source == "none":
            return self.model_copy(update={"auxiliary": None})
        if self.auxiliary is None:
            raise UsageError(
                "the recipe learns nothing beside the new words; say how much under 'auxiliary' in a YAML file"
            )
        return self.model_copy(update={"auxiliary": self.auxiliary.model_copy(update={"source": source})})

    def rate(self, step: int, steps: int) -> float:
        """Share of the highest learning rate at a step, counted from 0, of `steps`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, steps - self.warmup)
        left = {"linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done)), "constant": 1.0}[self.schedule]
        return self.floor + (1 - self.floor) * left


def presets() -> dict[str, Recipe]:
    """The recipes that come with the package, by name."""
    return {name: _checked(_parsed(text, name), name) for name, text in _shipped()}


def load_recipe(name: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The preset of that name, or the recipe in a YAML file, with some keys set otherwise.

    Raises:
        UsageError: no such preset or file, or a key or value that makes no sense; suggests the nearest.
    """
    text = dict(_shipped()).get(str(name))
    if text is None:
        path = path_named(str(name))
        if not path.is_file():
            if path.suffix in (".yaml", ".yml"):
                raise UsageError(f"no recipe file {str(name)!r}")
            raise unknown("recipe", str(name), dict(_shipped()))
        text = _text(path)
    found = _parsed(text, str(name))
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    if "steps" in given:
        found.pop("epochs", None)
    return _checked(found | given, str(name))


def recipe_text(recipe: Recipe) -> str:
    """A recipe as YAML that `load_recipe` reads."""
    return yaml.safe_dump(recipe.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)


def _shipped() -> Iterator[tuple[str, str]]:
    folder = files("unispect.train") / "recipes"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            yield entry.name.removesuffix(".yaml"), entry.read_text("utf-8")


def _text(path: Path) -> str:
    try:
        return read_text(path, "the recipe")
    except DataError as error:
        raise UsageError(str(error)) from error


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        found = parse_yaml(text, f"recipe {name}")
    except OutsideError as error:
        raise UsageError(str(error)) from error
    if not isinstance(found, dict):
        raise UsageError(f"recipe {name}: expected keys and values, found {type(found).__name__}")
    return found


def _checked(found: Mapping[str, Any], name: str) -> Recipe:
    try:
        return Recipe.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            near = unknown("key", str(first["loc"][-1]), _keys(first["loc"][:-1]))
            raise UsageError(f"recipe {name}: {near}") from error
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"recipe {name}: {field + ': ' if field else ''}{reason}") from error


def _keys(field: tuple[int | str, ...]) -> list[str]:
    inside: dict[str, type[BaseModel]] = {
        "text": Text,
        "align": Align,
        "riddles": Riddles,
        "auxiliary": Auxiliary,
        "lora": Lora,
    }
    return list((inside[str(field[-1])] if field else Recipe).model_fields)
