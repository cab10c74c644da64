"""A tied organism has one table for reading and saying words; families that keep a head of their own say so."""

from pathlib import Path

import pytest

from unispect.core.errors import UsageError
from unispect.organisms.families import FAMILIES, base_card, family_of
from unispect.organisms.recipe import tie, train_organism
from unispect.organisms.tokenizer import world_sentences

TIED = {"harmon", "show-o2", "omnigen2"}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_published_family_can_tie_is_tied(family: str, tmp_path: Path) -> None:
    making = family_of(family).making
    making.write_files(tmp_path, world_sentences())
    apart = making.start(base_card(family), tmp_path, seed=0)
    tie(tmp_path)
    tied = making.start(base_card(family), tmp_path, seed=0)
    assert "text head" in apart.parameter_groups()
    assert ("text head" not in tied.parameter_groups()) == (family in TIED)


def test_a_family_that_cannot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="janus-pro models keep a text head of their own"):
        train_organism("janus-pro", tmp_path, tied=True)
    assert not list(tmp_path.iterdir())
