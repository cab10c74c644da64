"""Every dataclass that units, records and grades are read as can be read, and names what it misses."""

from contextlib import nullcontext
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module

import pytest

from unispect.core.typed import Misread, read_inputs
from unispect.core.units import Unit

MODULES = (
    "answers",
    *(
        f"{one}.records"
        for one in (
            "alignment",
            "aphasia",
            "concepts",
            "encoding",
            "faces",
            "patching",
            "posters",
            "probing_attributes",
            "reasoning",
            "response",
            "safety",
            "states",
        )
    ),
)
NOTHING = Unit("study", 1, "kind", "model", {})


@pytest.mark.parametrize("name", MODULES)
def test_what_is_missing_is_named(name: str):
    module = import_module(f"unispect.studies.{name}")
    kinds = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and is_dataclass(one) and one.__module__ == module.__name__
    ]
    assert kinds
    for kind in kinds:
        needed = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
        with pytest.raises(Misread, match=f"'{needed[0]}' is missing") if needed else nullcontext():
            read_inputs(kind, NOTHING)
