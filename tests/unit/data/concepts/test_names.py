import hashlib
from itertools import combinations

from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, REAL, Lexicon
from unispect.data.concepts.names import all_names, name_of
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept, all_concepts


def test_every_combination_has_a_name_of_six_letters_that_no_other_resembles():
    names = list(all_names().values())
    assert len(names) == len(set(names)) == 840
    assert all(len(name) == 6 and name.isalpha() and name.islower() for name in names)
    for one, other in combinations(names[:200], 2):
        assert sum(a != b for a, b in zip(one, other, strict=True)) >= 2


def test_names_are_no_words_of_a_lexicon():
    taken = {
        Lexicon(lexicon).word(a, value)
        for lexicon in (REAL, *LEXICONS, PUBLISHED)
        for a in ATTRIBUTES
        for value in VALUES[a]
    }
    assert not taken & set(all_names().values())


def test_names_stay_what_they_were():
    text = " ".join(name_of(concept) for concept in all_concepts())
    assert name_of(Concept("circle", "red", "solid", "top left")) == "pijeza"
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == "d356b0e52f9e"
