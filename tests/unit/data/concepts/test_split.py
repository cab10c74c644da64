from collections import Counter
from importlib.resources import files

from unispect.data.concepts.split import SPLIT_FILE, build_split, load_split, split_text
from unispect.data.concepts.world import ATTRIBUTES, VALUES, all_concepts
from unispect.data.holding_out import pairs


def test_file_equals_the_build():
    pinned = files("unispect.data.concepts").joinpath(SPLIT_FILE).read_text("utf-8")
    assert pinned == split_text(build_split())
    assert load_split() == build_split()


def test_parts_are_the_world_80_to_20():
    split = load_split()
    assert sorted(split.train + split.held_out) == sorted(all_concepts())
    assert (len(split.train), len(split.held_out)) == (672, 168)


def test_every_pair_of_values_is_in_both_parts_in_its_share():
    split = load_split()
    everywhere = Counter(pair for concept in all_concepts() for pair in pairs(concept.values))
    held_out = Counter(pair for concept in split.held_out for pair in pairs(concept.values))
    for pair, total in everywhere.items():
        assert abs(held_out[pair] - total / 5) < 1.5, pair


def test_first_held_out_concepts_show_every_value_evenly():
    held_out = load_split().held_out
    for n in (7, 14, 28, 56):
        for attribute in ATTRIBUTES:
            seen = Counter(getattr(concept, attribute) for concept in held_out[:n])
            assert set(seen) == set(VALUES[attribute])
            assert max(seen.values()) - min(seen.values()) <= 1
