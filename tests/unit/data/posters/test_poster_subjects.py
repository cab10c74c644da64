"""The user's own list of posters, checked entry by entry."""

import pytest
from PIL import Image

from unispect.core.errors import DataError
from unispect.data.posters.subjects import load_subjects


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 60), "navy").save(tmp_path / "pictures" / "ferry.png")
    Image.new("RGB", (40, 60), "red").save(tmp_path / "pictures" / "harbour.jpg")
    return tmp_path


def written(folder, text):
    path = folder / "subjects.yaml"
    path.write_text(text)
    return path


GOOD = "- {title: The Night Ferry, year: 1987, image: pictures/ferry.png}\n"


def test_entries_become_subjects_with_ids_of_their_own(folder):
    more = "- {title: Harbour, year: 2001, image: pictures/harbour.jpg, kind: book cover, id: h.1}\n"
    ferry, harbour = load_subjects(written(folder, GOOD + more))
    assert (ferry.id, ferry.name, ferry.kind) == ("the-night-ferry-1987", "The Night Ferry (1987)", "film poster")
    assert (harbour.id, harbour.kind) == ("h.1", "book cover")
    assert ferry.reference().size == (40, 60)
    assert len(ferry.sha256) == 64
    assert load_subjects(folder / "subjects.yaml", limit=1) == (ferry,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a list of posters"),
        ("[]", "must be a list of posters"),
        ("title: x", "must be a list of posters"),
        ("- [unclosed", "is no YAML"),
        ("- just words", "entry 1 is no poster"),
        (GOOD + "- {title: B, year: 1999}\n", "entry 2 (B): image: "),
        ("- {title: A, year: soon, image: pictures/ferry.png}", "entry 1 (A): year: "),
        ("- {title: '', year: 1990, image: pictures/ferry.png}", "entry 1 (): title: "),
        ("- {title: A, year: 1990, image: pictures/none.png}", "entry 1 (A): cannot read picture"),
        ("- {title: A, year: 1990, image: subjects.yaml}", "entry 1 (A): "),
        ("- {title: A, year: 1990, image: pictures/ferry.png, colour: red}", "entry 1 (A): colour: "),
        ("- {title: A, year: 1990, image: pictures/ferry.png, id: a/../b}", "entry 1 (A): id: "),
        (GOOD + GOOD, "entry 2: The Night Ferry (1987) is entry 1 already"),
        (
            GOOD + "- {title: 'the night: ferry', year: 1987, image: pictures/ferry.png}",
            "its id 'the-night-ferry-1987'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_entry(folder, text, said):
    with pytest.raises(DataError) as caught:
        load_subjects(written(folder, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(folder):
    with pytest.raises(DataError, match=r"cannot read the subjects file .*gone\.yaml"):
        load_subjects(folder / "gone.yaml")


def test_a_picture_that_changed_after_it_was_planned_is_refused(folder):
    (subject,) = load_subjects(written(folder, GOOD))
    Image.new("RGB", (40, 60), "white").save(subject.image)
    with pytest.raises(DataError, match="was changed"):
        subject.reference()
