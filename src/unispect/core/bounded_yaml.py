"""PyYAML's safe loader with bounds on depth, number of values and numbers; called by `unispect.core.outside` alone."""

from __future__ import annotations

import math
from collections import Counter
from itertools import chain
from typing import Any, Final

import yaml

from unispect.core.outside import DEEP, DEEPEST, MAX_DIGITS, SHOWN, Odd

MAX_NODES: Final = 50_000
"""Values of a text, each counted as often as it is referred to; reading them takes a few seconds."""
_MANY: Final = f"holds more than {MAX_NODES:,} values; divide it"


def load(text: str) -> Any:
    """The value of a YAML text of one document.

    Raises:
        ValueError: this is no YAML.
        Odd: it exceeds a bound; says which.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        # PyYAML lets through what its constructors of numbers, dates and truth values meet in unusual ones
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with bounds; of every node it knows what it comes to with all that it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._composed = self._depth = 0
        self._sizes: dict[yaml.Node, tuple[int, int]] = {}  # number of nodes, levels

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        again = self.check_event(yaml.AliasEvent)
        self._composed += 1
        self._depth += 1
        if self._composed > MAX_NODES:
            raise Odd(_MANY)
        if self._depth > DEEPEST + 1:
            raise Odd(DEEP)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and not again:
            self._sizes[node] = self._size(node)
        elif node not in self._sizes:
            raise Odd("refers to itself")
        return node

    def _size(self, node: yaml.Node) -> tuple[int, int]:
        if not isinstance(node, yaml.CollectionNode):
            return 1, 0
        inner = node.value if isinstance(node, yaml.SequenceNode) else [*chain.from_iterable(node.value)]
        count = 1 + sum(self._sizes[one][0] for one in inner)
        levels = 1 + max((self._sizes[one][1] for one in inner), default=0)
        if count > MAX_NODES:
            raise Odd(_MANY)
        if levels > DEEPEST:
            raise Odd(DEEP)
        if isinstance(node, yaml.MappingNode):
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            if keys and (most := keys.most_common(1)[0])[1] > 1:
                raise Odd(f"gives key {most[0][:SHOWN]!r} twice; take one out")
        return count, levels

    def bounded_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise Odd(f"holds an integer of more than {MAX_DIGITS} digits")
        return self.construct_yaml_int(node)

    def finite_float(self, node: yaml.ScalarNode) -> float:
        number = math.nan if len(node.value) > MAX_DIGITS else self.construct_yaml_float(node)
        if not math.isfinite(number):
            raise Odd(f"{node.value:.{SHOWN}} is no finite number")
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.bounded_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.finite_float)
