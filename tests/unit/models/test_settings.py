"""What a model holds and decides outcomes is fixed, stands on its card, and changes units' ids where it differs."""

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import pytest

import unispect
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.models.bagel.chain_of_thought import ChainOfThought
from unispect.models.port import Port
from unispect.models.registry import card_of
from unispect.models.settings import described
from unispect.organisms.families import SHIPPED
from unispect.studies.base import Options
from unispect.studies.registry import find_study

ORGANISMS = [family.organism for family in SHIPPED.values()]
PARTS = {"card", "network", "processor", "text_decoder"}
"""What models hold that comes from the weights and the files around them."""


@cache
def loaded(name: str) -> Any:
    return unispect.load(name, device="cpu", dtype="float32")


@pytest.fixture(params=ORGANISMS)
def model(request: pytest.FixtureRequest) -> Any:
    return loaded(request.param)


def other(value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case None:
            return "x"
        case tuple():
            return (*(other(inner) for inner in value[:1]), *value[1:]) or ("x",)
    raise AssertionError(f"a setting holds a {type(value).__name__}: say here what else it could be")


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """Every way to change one field of a setting, at any depth."""
    if value is None:
        yield "", ChainOfThought()
        return
    for field in fields(value):
        inner = getattr(value, field.name)
        if is_dataclass(inner):
            yield from ((f"{field.name}.{name}", replace(value, **{field.name: new})) for name, new in changed(inner))
        else:
            yield field.name, replace(value, **{field.name: other(inner)})


def test_settings_are_all_that_a_model_is_made_of_beside_its_parts(model: Any):
    assert isinstance(model, Port)
    arguments = list(inspect.signature(type(model)).parameters)
    assert arguments[:3] == ["card", "network", "processor"]
    assert arguments[3:] in (["settings"], list(model.SETTINGS))
    held = {name for name in vars(model) if not name.startswith("_")}
    assert held - PARTS == set(model.SETTINGS), "a new attribute is a part, or a setting named in SETTINGS"


def test_a_loaded_model_is_named_as_ever_and_tells_its_settings(model: Any):
    assert "~" not in model.card.reference
    assert model.card.id == card_of(model.card.id).id
    assert not model.card.differences
    assert set(model.card.settings) == {*model.SETTINGS, "defaults", "processor"}


def test_every_other_value_of_a_setting_is_another_model(model: Any):
    found = {model.card.reference}
    for setting in model.SETTINGS:
        for name, value in changed(getattr(model, setting)):
            own = model.with_settings(**{setting: value})
            assert getattr(own, setting) == value
            assert own.network is model.network
            assert own.card.reference not in found, (setting, name)
            found.add(own.card.reference)
            (line,) = own.card.differences
            assert line.startswith(f"{setting}.{name} " if name else f"{setting} ")
            assert own.with_settings(**{setting: getattr(model, setting)}).card.reference == model.card.reference
    assert not model.card.differences, "the model itself is what it was"


def test_a_model_made_by_hand_with_other_settings_is_another_model_too():
    model = loaded("tiny-show-o")
    own = type(model)(model.card, model.network, model.processor, replace(model.drawing, steps=4))
    assert own.card.reference == model.with_settings(drawing=replace(model.drawing, steps=4)).card.reference
    assert own.card.reference != model.card.reference
    assert own.card.differences == (f"drawing.steps 4 instead of {model.drawing.steps}",)


def test_another_processor_or_other_defaults_are_another_model():
    model = loaded("tiny-show-o")
    processor = replace(model.processor, end=model.processor.end + 1)
    assert type(model)(model.card, model.network, processor, model.drawing).card.reference != model.card.reference
    for name in ("tiny-janus-pro", "tiny-show-o"):
        own = loaded(name).with_settings()
        own.card = replace(own.card, defaults={**own.card.defaults, "guidance": 1.5})
        assert own.card.reference != loaded(name).card.reference


def test_nothing_that_a_model_holds_can_be_replaced(model: Any):
    for name in (*model.SETTINGS, "network", "processor", "drawings"):
        before = getattr(model, name, None)
        with pytest.raises(AttributeError, match=f"{name} of {model.card.id} is fixed"):
            setattr(model, name, before)
    if model.SETTINGS:
        with pytest.raises(AttributeError, match=r"use model.with_settings\(drawing=\.\.\.\)"):
            model.drawing = model.drawing
    with pytest.raises(UsageError, match="unknown setting of"):
        model.with_settings(drawin=None)


def test_settings_themselves_cannot_be_changed(model: Any):
    for setting in model.SETTINGS:
        value = getattr(model, setting)
        if value is not None:
            with pytest.raises(AttributeError):
                setattr(value, fields(value)[0].name, None)


@pytest.mark.parametrize("study", ["concepts", "faces", "drawing", "response", "encoding", "safety"])
def test_no_unit_is_shared_between_settings(study: str):
    model = loaded("tiny-show-o")
    own = model.with_settings(drawing=replace(model.drawing, steps=4))
    plans = [find_study(study).plan(one.card, Options(limit=1, seeds=(0,))) for one in (model, own)]
    one, another = ({unit.id for unit in plan.units} for plan in plans)
    assert one
    assert not one & another


def test_a_card_keeps_its_settings_whatever_is_put_on_it():
    own = loaded("tiny-show-o").with_settings(drawing=replace(loaded("tiny-show-o").drawing, steps=4))
    before = own.card
    own.card = replace(own.card, taught={"real": "both"}, settings={}, id="tiny-show-o")
    assert (own.card.id, own.card.settings) == (before.id, before.settings)


def test_what_is_no_plain_value_is_told_by_its_class():
    assert described({"a": (1, None, 2.5), "b": frozenset({"y", "x"}), "c": object()}) == {
        "a": [1, None, 2.5],
        "b": ["x", "y"],
        "c": "object",
    }
    assert described(ModelCard("a", "b", "c", None, 1, 1)) != described(ModelCard("a", "b", "c", None, 1, 2))
