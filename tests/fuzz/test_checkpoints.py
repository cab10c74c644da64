"""Folders from anywhere, odd in one thing: each is refused in words or is a model, and nothing else happens."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.odd_checkpoints import (
    FAMILIES,
    LOADED,
    ODD_VALUES,
    WORDS,
    Case,
    cases_of_files,
    cases_of_settings,
    good_folders,
    settings_of,
    tried,
    with_value,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return good_folders(tmp_path_factory.mktemp("good"))


@pytest.mark.slow
def test_good_folders_load(good: Mapping[str, Path], tmp_path: Path):
    cases = [Case(family, "nothing", lambda folder: None) for family in FAMILIES]
    assert [outcome for _, outcome in tried(cases, good, tmp_path)] == [LOADED] * len(cases)


@pytest.mark.slow
def test_no_odd_file_is_more_than_refused(good: Mapping[str, Path], tmp_path: Path):
    found = list(tried(cases_of_files(), good, tmp_path))
    assert len(found) >= 100
    assert [(case.name, outcome) for case, outcome in found if outcome not in (WORDS, LOADED)] == []
    loaded = {case.name for case, outcome in found if outcome == LOADED}
    assert len(loaded) < len(found) / 10, loaded


@pytest.mark.slow
def test_no_odd_setting_is_more_than_refused(good: Mapping[str, Path], tmp_path: Path):
    found = list(tried(cases_of_settings(good, each=1, seed=0, share=0.4), good, tmp_path))
    assert len(found) >= 100
    assert [(case.name, outcome) for case, outcome in found if outcome not in (WORDS, LOADED)] == []


@pytest.mark.slow
@settings(max_examples=40, derandomize=True)
@given(data=st.data())
def test_no_setting_whatever_is_more_than_refused(
    good: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    family = data.draw(st.sampled_from(sorted(FAMILIES)))
    file, place = data.draw(st.sampled_from(settings_of(good[family])))
    value = data.draw(JSON | st.sampled_from(ODD_VALUES))
    case = Case(family, "any", with_value(file, place, value))
    ((_, outcome),) = tried([case], good, tmp_path_factory.getbasetemp())
    assert outcome in (WORDS, LOADED), (file, place, value, outcome)
