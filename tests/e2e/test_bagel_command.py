"""The authors' tiny checkpoint through the command line: text, pictures and what follows a prompt."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.commands import here
from tests.helpers.reference import need_reference
from unispect.core.prompts import Goal
from unispect.runs import RunStore


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bagel-7b-mot", "bagel-7b-mot-reca"])
def test_text_and_pictures_are_measured(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    weights = need_reference("bagel")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"a small red star and {n} blue dogs in the green grass" for n in range(3)))
    (tmp_path / "pictures").mkdir()
    for n in range(2):
        Image.effect_noise((80, 60 + 10 * n), 80).convert("RGB").save(tmp_path / "pictures" / f"{n}.png")
    for data in (f"text:{prompts}", f"images:{tmp_path / 'pictures'}"):
        out = tmp_path / f"run-{data.partition(':')[0]}"
        command = ("run", "encoding", "--model", f"{name}={weights}", "--preset", "paper", "--data", data)
        outcome = here(capsys, *command, "--out", out)
        assert outcome.code == 0, outcome.err
        with RunStore.open(out) as store:
            entries = [entry for entry in store.entries() if entry.unit.kind == "trajectory"]
        assert entries
        for entry in entries:
            payload = entry.record.payload
            assert payload["content"][0] <= np.log2(payload["rows"]) + 1e-6
            # Markers: two around a text or a picture, and one that an answer begins with.
            markers = payload["full_rows"] - payload["rows"]
            assert markers == (2 if entry.unit.settings["goal"] == Goal.IMAGE else 3)


@pytest.mark.slow
def test_replies_are_probed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("two birds\n")
    command = ("run", "response", "--model", f"bagel-7b-mot={need_reference('bagel')}", "--data", f"text:{prompts}")
    outcome = here(capsys, *command, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert here(capsys, "report", tmp_path / "run", "--out", tmp_path / "report.html").code == 0
