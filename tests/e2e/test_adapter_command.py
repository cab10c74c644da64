"""`unispect run --adapter`: a base and what adapters make of it, side by side in one folder and never mixed."""

from hashlib import sha256
from pathlib import Path

import peft
import pytest
import torch

import unispect
from tests.helpers.commands import here
from unispect.core.errors import UsageError
from unispect.runs import RunStore

MODEL = "tiny-janus-pro-bound"


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the organism, saved by peft with changes drawn at random."""
    folder = tmp_path_factory.mktemp("adapters") / "lora"
    network = unispect.load(MODEL, device="cpu").network  # pyright: ignore
    torch.manual_seed(0)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["up_proj"], init_lora_weights=False)
    peft.get_peft_model(network, config).save_pretrained(str(folder))
    return folder


def drawing(out: Path, *more: object, model: str = MODEL) -> tuple[object, ...]:
    return ("run", "drawing", "--model", model, "--limit", 1, "--seeds", 0, "--out", out, *more)


def units(out: Path) -> dict[str, dict[str, str]]:
    """Model -> ids of its units, with what was drawn for each."""
    found: dict[str, dict[str, str]] = {}
    with RunStore.open(out) as store:
        for entry in store.entries():
            found.setdefault(entry.unit.model, {})[entry.unit.id] = sha256(entry.record.pictures["picture"]).hexdigest()
    return found


def test_one_folder_holds_base_and_adapted_models_apart(lora: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # names are broken to fit
    out = tmp_path / "run"
    for more in ((), ("--adapter", lora), ("--adapter", f"{lora}:0.5")):
        outcome = here(capsys, *drawing(out, *more))
        assert outcome.code == 0, outcome.err
    assert "+adapter:0.5*sha256:" in outcome.out.splitlines()[0]
    again = here(capsys, *drawing(out, "--adapter", f"{lora}:0.50"))
    assert "0 units done" in again.out

    with RunStore.open(out) as store:
        cards = store.cards()
    base, half, once = sorted(cards)
    assert once.startswith(f"{base}+adapter:1.0*sha256:")
    assert half == once.replace("1.0*", "0.5*")
    assert cards[half].adapters == ("lora (LoRA of rank 2, 10 tensors) with weight 0.5",)

    status = here(capsys, "status", out)
    assert all(name in status.out for name in cards)
    here(capsys, "report", out, "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "adapters: lora (LoRA of rank 2, 10 tensors) with weight 0.5" in page
    assert all(card.revision in page for card in cards.values())


def test_units_of_base_and_adapted_model_share_no_id(lora: Path, tmp_path: Path, capsys) -> None:
    for more in ((), ("--adapter", lora)):
        assert here(capsys, *drawing(tmp_path / "run", *more)).code == 0
    base, adapted = units(tmp_path / "run").values()
    assert not base.keys() & adapted.keys()
    assert set(base.values()) != set(adapted.values())


@pytest.mark.slow
def test_workers_merge_the_same_adapters(lora: Path, tmp_path: Path, capsys) -> None:
    for name, more in (("one", ()), ("two", ("--workers", 2))):
        outcome = here(capsys, *drawing(tmp_path / name, "--adapter", f"{lora}:0.5", *more))
        assert outcome.code == 0, outcome.err
    assert units(tmp_path / "one") == units(tmp_path / "two")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("tiny-show-o", "land nowhere in tiny-show-o"),
        ("tiny-janus-*", "--adapter is for one model, and"),
        ("openai:some-model", "behind an API; it takes no adapters"),
    ],
)
def test_an_adapter_of_another_model_is_one_line_on_standard_error(
    lora: Path, tmp_path: Path, capsys, model: str, words: str
) -> None:
    outcome = here(capsys, *drawing(tmp_path / "run", "--adapter", lora, model=model))
    assert outcome.code in (1, 2)
    assert words in outcome.error


def test_a_folder_without_configuration_is_refused_before_a_run_is_made(lora: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "adapter_model.safetensors").write_bytes((lora / "adapter_model.safetensors").read_bytes())
    outcome = here(capsys, *drawing(tmp_path / "run", "--adapter", tmp_path / "odd"))
    assert "lacks adapter_config.json" in outcome.error
    assert not (tmp_path / "run").exists()


def test_a_loaded_model_takes_its_adapters_when_it_is_loaded(lora: Path, tmp_path: Path) -> None:
    model = unispect.load(MODEL, device="cpu", adapters=[lora])
    options = unispect.Options(limit=1, seeds=(0,))
    unispect.run("drawing", model, tmp_path / "loaded", options=options)
    unispect.run("drawing", MODEL, tmp_path / "named", options=options, device="cpu", adapters=[lora])
    assert units(tmp_path / "loaded") == units(tmp_path / "named")
    with pytest.raises(UsageError, match="loaded already"):
        unispect.run("drawing", model, tmp_path / "loaded", options=options, adapters=[lora])
