"""The published gradings of posters give every number that is known of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reproductions.posters.gradings import Grading, read_settings
from reproductions.posters.numbers import compare, find_expected, graded_replies, published_numbers, stale_counts
from tests.helpers.reference import need_reference
from unispect.studies.posters.scoring import score


@pytest.fixture(scope="module")
def folder() -> Path:
    return need_reference("modal_aphasia") / "real_world_data"


@pytest.fixture(scope="module")
def gradings(folder: Path) -> dict[str, tuple[Grading, ...]]:
    return read_settings(folder)


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, Any]:
    return json.loads((folder.parent / "expected.json").read_text("utf-8"))


def numbers_in(value: Any) -> Iterator[float | None]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(inner)
    elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield value


def test_every_known_number_comes_out(folder: Path, gradings: Mapping[str, Any], expected: dict[str, Any]):
    path = find_expected(folder)
    assert path is not None
    found = compare(path, gradings)
    assert found.differences == {}
    assert (found.absent, found.unknown) == ([], [])
    quoted = len(list(numbers_in(expected["check_against_quoted_numbers"])))
    assert quoted == 11, "the next test holds what it can name"
    assert found.numbers + quoted == len(list(numbers_in(expected))), "a number was passed over"


def test_quoted_numbers_come_out(gradings: Mapping[str, Any], expected: dict[str, Any]):
    aggregates = {name: published_numbers(own)["aggregate"] for name, own in gradings.items()}
    image, text, ratio, severe, ablation = (one["ours"] for one in expected["check_against_quoted_numbers"])
    main = aggregates["main"]
    assert round(main["image_error"]["mean"], 6) == image
    assert round(main["text_error"]["mean"], 6) == text
    assert round(main["text_over_image_error_ratio"], 6) == ratio
    assert {name: round(main[name]["mean"], 6) for name in severe} == severe
    assert {name: round(aggregates["ablation"][name]["mean"], 6) for name in ablation} == ablation


def test_exactly_one_stored_count_is_stale(folder: Path, gradings: Mapping[str, Any]):
    (one,) = stale_counts(grading for own in gradings.values() for grading in own)
    assert (one.path, one.poster, one.modality) == (folder / "ablation" / "posters-1.json", "10", "image")
    assert one.stored == {"correct": 17, "negative_correct": 3}
    assert one.counted == {"correct": 18, "negative_correct": 4}


def test_text_is_worse_than_images_whichever_posters_were_chosen(gradings: Mapping[str, Any]):
    for own in gradings.values():
        found = score(graded_replies(own))
        assert found.gaps["error"].over_posters.low > 0.2
        assert found.gaps["error"].over_posters.clusters == 9
        assert found.totals["image"]["error"].over_samples.method.startswith("no interval")  # each was asked once
