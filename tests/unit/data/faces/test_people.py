import json
from collections import Counter
from importlib.resources import files

import pytest

from tests.helpers.reference import need_reference
from unispect.data.faces.people import SPLIT_FILE, all_people, build_split, load_people, split_text
from unispect.data.faces.world import ATTRIBUTES, PUBLISHED, VALUES, Face, all_faces, written
from unispect.data.holding_out import pairs


def test_the_grid_is_whole_and_in_the_published_order():
    faces = list(all_faces())
    assert len(set(faces)) == len(faces) == 4 * 6 * 5 * 5
    assert [face.accessories for face in faces[:5]] == list(VALUES["accessories"])
    assert faces[-1].values == {attribute: values[-1] for attribute, values in VALUES.items()}
    assert Face.of(faces[7].values) == faces[7]


def test_every_value_has_one_published_spelling():
    for attribute in ATTRIBUTES:
        assert tuple(PUBLISHED[attribute].values()) == VALUES[attribute]
        assert [PUBLISHED[attribute][written(attribute, value)] for value in VALUES[attribute]] == list(
            VALUES[attribute]
        )


def test_the_published_metadata_is_this_grid():
    data = json.loads((need_reference("modal_aphasia") / "face_metadata.json").read_text("utf-8"))
    seen = set()
    for row in data["generated_faces"]:
        values = row["attributes"]
        seen.add(Face.of({a: PUBLISHED[a][values[a.replace(" ", "_")]] for a in ATTRIBUTES}))
    assert seen == set(all_faces())


def test_no_name_is_used_twice():
    people = all_people()
    assert [person.id for person in people] == [f"face_{number:04}" for number in range(1, 601)]
    firsts, lasts = zip(*(person.name.split(" ") for person in people), strict=True)
    assert len(set(firsts)) == len(set(lasts)) == 600
    assert Counter(person.gender for person in people) == {"female": 300, "male": 300}


def test_no_name_says_what_its_face_looks_like():
    words = {word for values in VALUES.values() for value in values for word in value.split()}
    words |= {"grey", "blond", "ginger", "hazel", "scarlett", "afro", "curly", "ruby"}
    for person in all_people():
        assert not words & set(person.name.lower().split())
        assert not any(len(word) > 4 and word in person.name.lower() for word in words)


def test_the_published_names_are_not_ours():
    published = json.loads((need_reference("modal_aphasia") / "names_combined.json").read_text("utf-8"))
    theirs = {row[key] for row in published for key in ("name_female", "name_male")}
    assert not theirs & {person.name for person in all_people()}


def test_gender_says_nothing_about_a_face():
    women = Counter(v for p in all_people() if p.gender == "female" for v in p.face.values.items())
    for (attribute, _), count in women.items():
        assert abs(count / (600 / len(VALUES[attribute])) - 0.5) < 0.12


@pytest.mark.slow
def test_the_split_is_the_one_that_is_built():
    assert build_split() == load_people()
    assert files("unispect.data.faces").joinpath(SPLIT_FILE).read_text("utf-8") == split_text(load_people())


def test_every_pair_of_values_is_in_both_parts():
    people = load_people()
    assert (len(people.train), len(people.held_out)) == (480, 120)
    assert set(people.train) | set(people.held_out) == set(all_people())
    everywhere = Counter(pair for face in all_faces() for pair in pairs(face.values))
    held_out = Counter(pair for person in people.held_out for pair in pairs(person.face.values))
    for pair, count in everywhere.items():
        assert 0.1 <= held_out[pair] / count <= 0.3


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_the_first_few_hold_every_value_about_equally_often(part):
    first = getattr(load_people(), part)[:30]
    counts = Counter(item for person in first for item in person.face.values.items())
    for attribute, values in VALUES.items():
        each = [counts[attribute, value] for value in values]
        assert min(each) >= 30 // len(values) - 2
        assert max(each) <= 30 // len(values) + 2
