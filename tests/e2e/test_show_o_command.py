"""The authors' tiny checkpoint through the command line, and what the encoding study then knows about filler."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.commands import here
from tests.helpers.reference import need_reference
from unispect.core.prompts import Goal
from unispect.runs import RunStore

PADDED = 129


@pytest.mark.parametrize(("name", "folder"), [("show-o", "show-o"), ("show-o-clip-vit", "show-o-w-clip-vit")])
def test_text_is_measured_with_and_without_filler(name: str, folder: str, tmp_path: Path, capsys):
    weights = need_reference("show_o") / folder
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"a small red star and {n} blue dogs in the green grass" for n in range(4)))
    command = ("run", "encoding", "--model", f"{name}={weights}", "--data", f"text:{prompts}", "--preset", "paper")
    outcome = here(capsys, *command, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    with RunStore.open(tmp_path / "run") as store:
        entries = [entry for entry in store.entries() if entry.unit.kind == "trajectory"]
    assert len(entries) == 8
    for entry in entries:
        payload = entry.record.payload
        rows, full = payload["rows"], payload["full_rows"]
        if entry.unit.settings["goal"] == Goal.TEXT:
            assert full == rows + 1  # the token in front
            continue
        # All places for text, those for the picture, and what stands around them.
        assert full > PADDED
        assert payload["full_distinct"][0] <= rows + 6
        assert payload["full"][0] <= np.log2(full)


@pytest.mark.slow
def test_pictures_are_measured_through_codes_and_through_clip(tmp_path: Path, capsys):
    reference = need_reference("show_o")
    (tmp_path / "pictures").mkdir()
    for n in range(2):
        Image.effect_noise((80, 60 + 10 * n), 80).convert("RGB").save(tmp_path / "pictures" / f"{n}.png")
    for name, folder in (("show-o", "show-o"), ("show-o-clip-vit", "show-o-w-clip-vit")):
        command = ("run", "encoding", "--model", f"{name}={reference / folder}", "--preset", "paper")
        outcome = here(capsys, *command, "--data", f"images:{tmp_path / 'pictures'}", "--out", tmp_path / name)
        assert outcome.code == 0, outcome.err
        with RunStore.open(tmp_path / name) as store:
            for entry in store.entries():
                payload = entry.record.payload
                assert payload["content"][0] <= np.log2(payload["rows"]) + 1e-6
                assert payload["content_distinct"][0] <= payload["rows"] < payload["full_rows"]
