"""What asking costs, and a limit that is refused before it could be passed."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from unispect.chat.bodies import MOST_TOKENS
from unispect.chat.faults import FatalError
from unispect.chat.pictures import PictureRequest
from unispect.chat.values import Reply, Request, Usage
from unispect.core.errors import DataError, UsageError
from unispect.core.outside import parse_yaml
from unispect.core.paths import path_named
from unispect.core.texts import read_text
from unispect.core.units import canonical_json

MILLION = 1e6
DEAREST = 1e9
"""A larger price is none."""
TEMPLATE_TOKENS = 256
"""Allowed for what a provider puts around a prompt: roles, separators, its own lines about the form of the answer."""


class BudgetExceeded(FatalError):
    """A call was not made, because it could have cost more than what is left."""


class Price(BaseModel):
    """What a model costs, as the user read it in the provider's list.

    Attributes:
        input: for a million tokens read.
        output: for a million tokens written (thoughts count), or drawn where pictures are charged by their tokens.
        picture_tokens: the most that one picture in a request can count; needed for a budget on requests that hold
            pictures.
        drawn_tokens: the most that one reply with a drawn picture can count, where these are charged by their tokens.
        per_picture: for one drawn picture, where these have a price of their own; `drawn_tokens` is not needed then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(default=0.0, ge=0, le=DEAREST)
    output: float = Field(default=0.0, ge=0, le=DEAREST)
    picture_tokens: int | None = Field(default=None, ge=0, le=MOST_TOKENS)
    drawn_tokens: int | None = Field(default=None, ge=0, le=MOST_TOKENS)
    per_picture: float | None = Field(default=None, ge=0, le=DEAREST)

    @model_validator(mode="after")
    def _is_a_price(self) -> Self:
        if not {"input", "output"} <= self.model_fields_set and self.per_picture is None:
            raise ValueError("input and output are needed, or per_picture")
        return self

    @property
    def draws(self) -> bool:
        """It says the most that a drawn picture can cost."""
        return self.per_picture is not None or self.drawn_tokens is not None

    def of(self, usage: Usage) -> float:
        """What so many tokens cost."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / MILLION

    def of_reply(self, reply: Reply) -> float | None:
        """What a reply costs; None if the provider did not say."""
        if reply.picture and self.per_picture is not None:
            read = reply.usage.input_tokens if reply.usage else 0
            return self.per_picture + self.of(Usage(read, 0))
        return None if reply.usage is None else self.of(reply.usage)

    def at_most(self, request: Request[Any] | PictureRequest) -> float:
        """The most a request can cost (`tokens_at_most`).

        Raises:
            UsageError: it holds pictures and `picture_tokens` is not known, or asks for one and neither `per_picture`
                nor `drawn_tokens` is.
        """
        if request.prompt.images and self.picture_tokens is None:
            raise UsageError("a budget for requests with pictures needs picture_tokens in the price of the model")
        tokens = tokens_at_most(request, self.picture_tokens or 0, self.drawn_tokens or 0)
        if not isinstance(request, PictureRequest):
            return self.of(tokens)
        if not self.draws:
            raise UsageError(NO_PRICE_OF_PICTURES)
        if self.per_picture is None:
            return self.of(tokens)
        return self.per_picture + self.of(replace(tokens, output_tokens=0))


NO_PRICE_OF_PICTURES = "a budget for drawing needs per_picture or drawn_tokens in the price of the model"


def tokens_at_most(request: Request[Any] | PictureRequest, picture_tokens: int = 0, drawn_tokens: int = 0) -> Usage:
    """The most tokens a request can take: none of text is shorter than one byte, and the answer has a limit.

    The form is counted twice: some clients send it, and then providers repeat it to the model.
    """
    letters = len((request.system + request.prompt.text).encode("utf-8", "surrogatepass"))
    read = letters + TEMPLATE_TOKENS + len(request.prompt.images) * picture_tokens
    if isinstance(request, PictureRequest):
        return Usage(read, drawn_tokens)
    form = 2 * len(canonical_json(request.form).encode()) if request.form else 0
    return Usage(read + form, request.max_tokens)


def load_prices(path: str | Path) -> Mapping[str, Price]:
    """The price table in a YAML (or JSON) file: model -> what `Price` holds.

    Raises:
        UsageError: it cannot be read, or an entry is no price; names the entry.
    """
    try:
        file = path_named(str(path))
        return TypeAdapter(dict[str, Price]).validate_python(
            parse_yaml(read_text(file, "the price table"), f"the price table {path}")
        )
    except DataError as error:
        raise UsageError(str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"the price table {path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


class SpendingLedger:
    """Money that is spent, set aside for calls on their way, and left; safe to share between threads and models.

    Args:
        most: never pass this; None refuses nothing.
        spent: before.

    Raises:
        UsageError: `most` is below 0 or no number.
    """

    def __init__(self, most: float | None = None, spent: float = 0.0) -> None:
        if most is not None and not (most >= 0 and math.isfinite(most)):
            raise UsageError(f"the limit on the cost must be 0 or more, not {most}")
        self.most = most
        self._spent = spent
        self._aside = 0.0
        self._flying = 0
        self._changed = threading.Condition()

    @property
    def spent(self) -> float:
        """What calls cost so far, those counted at their most included."""
        with self._changed:
            return self._spent

    def set_aside(self, cost: float) -> None:
        """Keeps `cost` for one attempt; waits while only what is set aside for calls on their way stands against it.

        Raises:
            BudgetExceeded: it does not fit into what is left even if they turn out to cost nothing.
        """
        with self._changed:
            while self.most is not None and self._spent + self._aside + cost > self.most:
                if self._spent + cost > self.most or not self._flying:
                    raise BudgetExceeded(
                        f"the next call could cost {cost:.6g} and {self._spent:.6g} of {self.most:.6g} is spent; "
                        "raise the limit to go on, what was answered is kept"
                    )
                self._changed.wait()
            self._aside += cost
            self._flying += 1

    def settle(self, aside: float, cost: float) -> None:
        """Turns what was set aside for an attempt into what it cost."""
        with self._changed:
            self._flying -= 1
            self._aside = self._aside - aside if self._flying else 0.0
            self._spent += cost
            self._changed.notify_all()


class Budget:
    """One model's price and the ledger it pays from. Without a price nothing is known of cost.

    Raises:
        UsageError: the ledger has a limit and there is no price.
    """

    def __init__(self, price: Price | None, ledger: SpendingLedger) -> None:
        if ledger.most is not None and price is None:
            raise UsageError("a limit on the cost needs the price of the model: name it in the price table")
        self.price = price
        self.ledger = ledger

    def at_most(self, request: Request[Any] | PictureRequest) -> float:
        """The most one attempt at `request` can cost; 0 where nothing limits or prices it."""
        if self.price is None:
            return 0.0
        if self.ledger.most is None:
            unknown = request.prompt.images and self.price.picture_tokens is None
            if unknown or (isinstance(request, PictureRequest) and not self.price.draws):
                return 0.0
        return self.price.at_most(request)

    def tokens_at_most(self, request: Request[Any] | PictureRequest) -> int:
        """The most tokens one attempt at `request` can take, as far as that is known."""
        pictures = (self.price.picture_tokens, self.price.drawn_tokens) if self.price else (0, 0)
        usage = tokens_at_most(request, *(tokens or 0 for tokens in pictures))
        return usage.input_tokens + usage.output_tokens
