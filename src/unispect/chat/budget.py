"""What asking costs, and a limit that is refused before it could be passed."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from unispect.chat.faults import AskError
from unispect.chat.values import Request, Usage
from unispect.core.errors import UsageError
from unispect.core.units import canonical_json

MILLION = 1e6
TEMPLATE_TOKENS = 256
"""Allowed for what a provider puts around a prompt: roles, separators, its own lines about the form of the answer."""


class BudgetExceeded(AskError):
    """A call was not made, because it could have cost more than what is left."""


class Price(BaseModel):
    """What a model costs, as the user read it in the provider's list.

    Attributes:
        input: for a million tokens read.
        output: for a million tokens written (thoughts count).
        picture_tokens: the most that one picture can count; needed for a budget on requests that hold pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    picture_tokens: int | None = Field(default=None, ge=0)

    def of(self, usage: Usage) -> float:
        """What so many tokens cost."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / MILLION

    def at_most(self, request: Request[Any]) -> float:
        """The most a request can cost (`tokens_at_most`).

        Raises:
            UsageError: it holds pictures and `picture_tokens` is not known.
        """
        if request.prompt.images and self.picture_tokens is None:
            raise UsageError("a budget for requests with pictures needs picture_tokens in the price of the model")
        return self.of(tokens_at_most(request, self.picture_tokens or 0))


def tokens_at_most(request: Request[Any], picture_tokens: int = 0) -> Usage:
    """The most tokens a request can take: none of text is shorter than one byte, and the answer has a limit.

    The form is counted twice: some clients send it, and then providers repeat it to the model.
    """
    letters = len((request.system + request.prompt.text).encode("utf-8", "surrogatepass"))
    form = 2 * len(canonical_json(request.form).encode()) if request.form else 0
    read = letters + form + TEMPLATE_TOKENS + len(request.prompt.images) * picture_tokens
    return Usage(read, request.max_tokens)


def load_prices(path: str | Path) -> Mapping[str, Price]:
    """The price table in a YAML (or JSON) file: model -> `{input, output, picture_tokens}`, per million tokens.

    Raises:
        UsageError: it cannot be read, or an entry is no price; names the entry.
    """
    try:
        return TypeAdapter(dict[str, Price]).validate_python(yaml.safe_load(Path(path).read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the price table {path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"the price table {path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


class Budget:
    """Money that is spent, set aside for calls on their way, and left; safe to share between threads.

    Without a price nothing is known of cost, and without `most` nothing is refused.

    Raises:
        UsageError: `most` without a price, or below 0.
    """

    def __init__(self, price: Price | None, most: float | None = None, spent: float = 0.0) -> None:
        if most is not None and price is None:
            raise UsageError("a limit on the cost needs the price of the model: name it in the price table")
        if most is not None and not (most >= 0 and math.isfinite(most)):
            raise UsageError(f"the limit on the cost must be 0 or more, not {most}")
        self.price = price
        self._most = most
        self._spent = spent
        self._aside = 0.0
        self._flying = 0
        self._changed = threading.Condition()

    @property
    def spent(self) -> float:
        """What calls cost so far, those counted at their most included."""
        with self._changed:
            return self._spent

    def at_most(self, request: Request[Any]) -> float:
        """The most one attempt at `request` can cost; 0 where nothing limits or prices it."""
        if self.price is None or (self._most is None and self.price.picture_tokens is None and request.prompt.images):
            return 0.0
        return self.price.at_most(request)

    def tokens_at_most(self, request: Request[Any]) -> int:
        """The most tokens one attempt at `request` can take, as far as that is known."""
        pictures = self.price.picture_tokens if self.price else None
        usage = tokens_at_most(request, pictures or 0)
        return usage.input_tokens + usage.output_tokens

    def set_aside(self, cost: float) -> None:
        """Keeps `cost` for one attempt; waits while only what is set aside for calls on their way stands against it.

        Raises:
            BudgetExceeded: it does not fit into what is left even if they turn out to cost nothing.
        """
        with self._changed:
            while self._most is not None and self._spent + self._aside + cost > self._most:
                if self._spent + cost > self._most or not self._flying:
                    raise BudgetExceeded(
                        f"the next call could cost {cost:.6g} and {self._spent:.6g} of {self._most:.6g} is spent; "
                        "raise the limit to go on, what was answered is kept",
                        hopeless=True,
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
