"""A setting is what a setting of its name can be, or it is refused by name."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.odd_checkpoints import FAMILIES, good_folders
from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings
from unispect.models.config_values import KINDS, check_value, counts, short

ODD = [float("nan"), float("inf"), -float("inf"), -(10**9), 10**12, 10**400, "", [], [[1]], 0.5j]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_setting_takes_any_of_the_odd(name: str):
    """But for lists, of which some may be empty, and texts, which their readers look up."""
    for value in ODD:
        if (value == [] and KINDS[name].fits([])) or (value == "" and KINDS[name].fits("")):
            continue
        with pytest.raises(CheckpointError, match=f"config: {name} is .*must be"):
            check_value(name, value, "config")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("num_hidden_layers", [1, 28, 10_000], [0, True, 1.0, 10_001, "28", None]),
        ("hidden_size", [1, 3584], [0, True, 48.0]),
        ("rope_theta", [10_000, 1e6, 500000.0], [0, True, -1.0, "1e6"]),
        ("rms_norm_eps", [1e-5, 1], [0, -1e-6, 2.0, True]),
        ("tie_word_embeddings", [True, False], [0, 1, "true"]),
        ("shift_factor", [0, -0.5, 0.1159], [True, "0"]),
        ("image_std", [[0.5, 0.5, 0.5]], [[0.5], [0.5, 0, 0.5], 0.5]),
        ("ch_mult", [[1], [1, 1, 2, 2, 4]], [[], [0], 1, [1.0]]),
        ("num_res_blocks", [2, [4, 3, 4]], [0, [0], []]),
        ("size", [384, {"height": 1}], [0, [384, 384], "384"]),
        ("hidden_act", ["silu"], [3, ["silu"]]),
    ],
)
def test_what_a_setting_may_be(name: str, good: list[Any], bad: list[Any]):
    for value in good:
        check_value(name, value, "config")
    for value in bad:
        with pytest.raises(CheckpointError, match=name):
            check_value(name, value, "config")


def test_a_section_that_is_no_table_is_refused():
    for section in ([], "x", 3):
        with pytest.raises(CheckpointError, match=r"where is .* must be a table"):
            check_settings(section, "where")  # type: ignore[arg-type]


@pytest.mark.slow
def test_every_setting_that_a_family_reads_has_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read: set[str] = set()

    def watched(section: Any, where: str, *, read: Iterable[str] = (), fixed: Any = None, idle: Any = ()) -> None:
        names = set(read)
        found.update(names - set(fixed or ()))
        check_settings(section, where, read=names, fixed=fixed, idle=idle)

    found = read
    good = good_folders(tmp_path)
    for name, module in list(sys.modules.items()):
        if name.startswith("unispect.models.") and getattr(module, "check_settings", None) is check_settings:
            monkeypatch.setattr(module, "check_settings", watched)
    for family, (tiny, load) in FAMILIES.items():
        load(tiny.TINY, good[family], device="cpu")
    assert len(found) > 80
    assert found - KINDS.keys() == set()


def test_blocks_are_counted_wherever_they_stand():
    content = {"llm": {"num_hidden_layers": 28, "hidden_size": 64}, "mar": {"diffloss_d": 6, "depth": "x"}}
    assert sorted(counts(content)) == [(6, "mar.diffloss_d"), (28, "llm.num_hidden_layers")]


def test_long_values_are_cut():
    assert short(10**5000) == "a number of 5001 digits"
    assert len(short("x" * 500)) == 60
