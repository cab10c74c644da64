"""What commands are told about servers that do not take all that a protocol has; their errors name these options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from unispect.chat.dialect import Dialect

GROUP = Group("Servers that refuse a part of what is sent", sort_key=2)


def told(text: str, negative: str = "") -> Parameter:
    """Help of an option, and the spelling that says no, if it has one."""
    return Parameter(help=text, group=GROUP, show_default=False, negative=negative or ())


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True)
class Speaking:
    """How a server is spoken to, as typed."""

    limit_name: Annotated[
        Literal["max_tokens", "max_completion_tokens", "none"] | None,
        told("Field that limits a reply; by default the one that suits the server. With none a reply has no limit."),
    ] = None
    no_seed: Annotated[bool, told("Send no seeds with what is to be written; every seed is then a repetition.")] = False
    plain_prompts: Annotated[bool, told("Send prompts without pictures as one text, not as a list of parts.")] = False

    @property
    def dialect(self) -> Dialect:
        """What the server understands."""
        from unispect.chat.dialect import Dialect

        return Dialect(
            seeds=not self.no_seed,
            limit_name=self.limit_name,
            plain=self.plain_prompts,
        )
