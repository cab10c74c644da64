import pytest
import torch

from unispect.models.keys import KeyTable, Split, Squeeze, names_of, pieces_of, published, target_of

TABLE: KeyTable = {
    "tower.pool.*": None,
    "tower.blocks.{}.qkv.*": Split(("vision.{}.q.*", "vision.{}.k.*", "vision.{}.v.*")),
    "tower.pos": Squeeze("vision.pos.weight"),
    "tower.*": "vision.rest.*",
    "{}.mid.0.*": "vq.{}.first.*",
}


def test_the_first_row_that_fits_counts():
    assert target_of(TABLE, "tower.pool.latent") is None
    assert target_of(TABLE, "tower.blocks.11.qkv.weight") == Split(
        ("vision.11.q.weight", "vision.11.k.weight", "vision.11.v.weight")
    )
    assert target_of(TABLE, "tower.pos") == Squeeze("vision.pos.weight")
    assert target_of(TABLE, "tower.norm.weight") == "vision.rest.norm.weight"
    assert target_of(TABLE, "encoder.mid.0.conv.weight") == "vq.encoder.first.conv.weight"


@pytest.mark.parametrize("key", ["towers.pool", "a.b.mid.0.weight", "tower", "encoder.mid.0"])
def test_a_key_that_fits_no_row_is_not_guessed(key: str):
    with pytest.raises(KeyError):
        target_of(TABLE, key)


def test_dots_in_patterns_are_dots():
    with pytest.raises(KeyError):
        target_of({"a.b": "c"}, "axb")


def test_pieces_and_their_way_back():
    theirs = {
        "tower.blocks.0.qkv.weight": torch.arange(12.0).reshape(6, 2),
        "tower.pos": torch.ones(1, 3, 2),
        "tower.norm.weight": torch.zeros(2),
        "decoder.mid.0.bias": torch.full((2,), 5.0),
    }
    ours: dict[str, torch.Tensor] = {}
    for key, tensor in theirs.items():
        target = target_of(TABLE, key)
        ours |= zip(names_of(target), pieces_of(target, tensor), strict=True)
    assert ours["vision.0.k.weight"].tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert ours["vision.pos.weight"].shape == (3, 2)
    back = published(TABLE, ours)
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[key], tensor) for key, tensor in theirs.items())


def test_what_has_no_published_name_is_not_lost_silently():
    with pytest.raises(KeyError, match=r"lm\.head"):
        published(TABLE, {"lm.head": torch.ones(1)})
