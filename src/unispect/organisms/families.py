"""The families that have an organism, by what can be known without loading anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from unispect.core.cards import Capability, ModelCard, Verification
from unispect.core.errors import unknown

if TYPE_CHECKING:
    from unispect.organisms.making.base import Making

IMAGE_SIZE, PATCH = 64, 8
IMAGE_TOKENS = (IMAGE_SIZE // PATCH) ** 2
_CAPABILITIES: frozenset[Capability] = frozenset(
    {"write", "draw", "score", "see", "probe", "attend", "intervene", "learn"}
)
_GROWN_NOTE = "Trained from scratch on 64-pixel pictures of the concept world; it knows nothing else."


@dataclass(frozen=True)
class Family:
    """An architecture family whose models are also made tiny.

    Attributes:
        organism: name of the grown-up organism.
        paradigm: how it draws.
        package: where its model class lives, under `unispect.models`.
        parameters: in millions.
        defaults: settings of drawing.
        gate: share of right answers asked of real words drawn.
        shipped: its weights come with the package; others can be trained, but miss a gate so far.
    """

    organism: str
    paradigm: str
    package: str
    parameters: float
    defaults: Mapping[str, float]
    gate: float
    shipped: bool = True

    @property
    def load(self) -> Callable[..., Any]:
        """`load(card, folder, *, device, dtype)` of the model class."""
        return import_module(f"unispect.models.{self.package}.folder").load

    @property
    def making(self) -> Making:
        """How the organism is made from nothing."""
        return import_module(f"unispect.organisms.making.{self.package}").MAKING


FAMILIES: Mapping[str, Family] = {
    "janus-pro": Family(
        "tiny-janus-pro",
        "discrete image tokens, autoregressive in raster order",
        "janus_pro",
        1.861,
        {"guidance": 1.0, "temperature": 1.0},
        gate=0.95,
    ),
    "harmon": Family(
        "tiny-harmon",
        "latents uncovered in a random order, each by a diffusion head",
        "harmon",
        2.005,
        {"guidance": 1.0, "temperature": 1.0, "iterations": 16},
        gate=0.9,
    ),
    "janus-flow": Family(
        "tiny-janusflow",
        "rectified flow of all latents at once, through the trunk",
        "janus_flow",
        2.021,
        {"guidance": 1.0, "steps": 20},
        gate=0.9,
    ),
    "show-o": Family(
        "tiny-show-o",
        "discrete image tokens uncovered by confidence, all open places guessed at every step",
        "show_o",
        1.673,
        {"guidance": 1.0, "temperature": 1.0, "steps": 16},
        gate=0.9,
    ),
    "show-o2": Family(
        "tiny-show-o2",
        "rectified flow of all latents at once, in full view of each other, with a flow head behind the trunk",
        "show_o2",
        1.932,
        {"guidance": 1.0, "steps": 20},
        gate=0.9,
    ),
    "bagel": Family(
        "tiny-bagel",
        "rectified flow of all latents at once, in one attention with text, through weights of their own",
        "bagel",
        2.049,
        {"guidance": 1.0, "steps": 20},
        gate=0.9,
    ),
    "omnigen2": Family(
        "tiny-omnigen2",
        "rectified flow of all latents at once, in a transformer of its own that hears the language model",
        "omnigen2",
        2.013,
        {"guidance": 1.0, "steps": 20, "image_size": IMAGE_SIZE},
        gate=0.9,
    ),
}


SHIPPED: Mapping[str, Family] = {name: family for name, family in FAMILIES.items() if family.shipped}


def family_of(name: str) -> Family:
    """The family of that name.

    Raises:
        UsageError: there is no organism of that family; suggests the nearest.
    """
    if name not in FAMILIES:
        raise unknown("organism family", name, FAMILIES)
    return FAMILIES[name]


def base_card(name: str) -> ModelCard:
    """The card of a family's organism before it is taught new words.

    Raises:
        UsageError: there is no organism of that family.
    """
    family = family_of(name)
    published: ModelCard = next(iter(import_module(f"unispect.models.{family.package}.card").CARDS.values()))
    return ModelCard(
        id=family.organism,
        family=name,
        paradigm=family.paradigm,
        encoders=published.encoders,
        generation=published.generation,
        contextual=published.contextual,
        parameters=family.parameters,
        image_size=IMAGE_SIZE,
        image_tokens=IMAGE_TOKENS,
        licence="Apache-2.0",
        capabilities=_CAPABILITIES | (published.capabilities & {"probe_decoder"}),
        no_states=published.no_states,
        verification=Verification(contract="tests/contract/test_models.py", real_weights="shipped"),
        notes=(_GROWN_NOTE,),
        defaults=family.defaults,
    )
