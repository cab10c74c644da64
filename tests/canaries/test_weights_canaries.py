import json

import pytest
import torch
from accelerate import Accelerator
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open
from safetensors.torch import save_file, save_model
from tokenizers import AddedToken, Tokenizer, models
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config, Qwen2ForCausalLM
from watching import watch
from weights import held

EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"


@pytest.fixture
def tied() -> Qwen2ForCausalLM:
    """A model whose text head is its token embeddings."""
    sizes = {"vocab_size": 32, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "bos_token_id": None, "eos_token_id": None}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, **heads, tie_word_embeddings=True))


@watch(
    "transformers",
    "Of tied weights `save_pretrained` keeps the token embeddings.",
    met="models/keys.py; folders saved by users",
    source="`modeling_utils.py`",
    seen="5.20.0 to 5.24.0",
)
def test_transformers_saves_tied_weights_as_embeddings(tied, tmp_path):
    tied.save_pretrained(tmp_path)
    assert EMBEDDINGS in held(tmp_path)
    assert HEAD not in held(tmp_path)


@watch(
    "accelerate",
    "Of tied weights `Accelerator.save_model` keeps the token embeddings.",
    met="models/keys.py; folders saved by users",
    source="`utils/other.py`",
    seen="1.10.0 to 1.15.0",
)
def test_accelerate_saves_tied_weights_as_embeddings(tied, tmp_path):
    Accelerator(cpu=True).save_model(tied, tmp_path)
    assert EMBEDDINGS in held(tmp_path)
    assert HEAD not in held(tmp_path)


@watch(
    "huggingface-hub",
    "Of tied weights `save_torch_state_dict` keeps the text head, and the file's metadata says which name it left out.",
    met="models/keys.py; folders saved by users",
    source="`serialization/_torch.py`",
    seen="1.31.0 to 2.4.0",
)
def test_the_hub_saves_tied_weights_as_the_head(tied, tmp_path):
    save_torch_state_dict(tied.state_dict(), tmp_path)
    assert held(tmp_path)[EMBEDDINGS] == HEAD


@watch(
    "safetensors",
    "Of tied weights `save_model` keeps the text head, and the file's metadata says which name it left out.",
    met="models/keys.py; folders saved by users",
    source="`bindings/python/py_src/safetensors/torch.py`",
    seen="0.8.0",
)
def test_safetensors_saves_tied_weights_as_the_head(tied, tmp_path):
    save_model(tied, str(tmp_path / "model.safetensors"))
    assert held(tmp_path)[EMBEDDINGS] == HEAD


@watch(
    "safetensors",
    "`get_slice(...).get_shape()` gives shapes of floats of 8 and of 4 bits, the latter in numbers, not"
    " bytes; only slices of"
    " the former can be read.",
    met="models/checkpoint.py, which asks for shapes alone",
    source="`bindings/python/src/lib.rs`",
    seen="0.8.0",
)
def test_shapes_of_small_floats_can_be_asked_for(tmp_path):
    bytes_ = torch.zeros(2, 4, dtype=torch.uint8)
    path = tmp_path / "small.safetensors"
    save_file({"eight": bytes_.view(torch.float8_e4m3fn), "four": bytes_.clone().view(torch.float4_e2m1fn_x2)}, path)
    with safe_open(path, "pt") as file:
        assert file.get_slice("eight").get_shape() == [2, 4]
        assert file.get_slice("four").get_shape() == [2, 8]
        assert file.get_slice("eight")[:1].shape == (1, 4)
        with pytest.raises(RuntimeError):
            file.get_slice("four")[:1]


def _tokenizer(tmp_path, change) -> Tokenizer:
    made = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    made.add_special_tokens([AddedToken("<one>", special=True), AddedToken("<two>", special=True)])
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    content = json.loads(path.read_text())
    change(content["added_tokens"])
    path.write_text(json.dumps(content))
    return Tokenizer.from_file(str(path))


@watch(
    "tokenizers",
    "Added tokens of a `tokenizer.json` are numbered by their place in the list, whatever their `id` says.",
    met="models/processing/tokenizer.py, reproductions/table_1/tokens.py",
    source="`tokenizers/src/tokenizer/added_vocabulary.rs`",
    seen="0.23.1 to 0.23.3",
)
def test_added_tokens_are_numbered_by_their_place(tmp_path):
    assert _tokenizer(tmp_path, lambda tokens: None).token_to_id("<one>") == 2
    assert _tokenizer(tmp_path, list.reverse).token_to_id("<one>") == 3


@watch(
    "tokenizers",
    "With `encode_special_tokens` set, text that reads like a special token is split like any other.",
    met="models/processing/tokenizer.py",
    source="`tokenizers/src/tokenizer/added_vocabulary.rs`",
    seen="0.23.1 to 0.23.3",
)
def test_text_is_no_special_token(tmp_path):
    tokenizer = _tokenizer(tmp_path, lambda tokens: None)
    assert tokenizer.encode("<one>").ids == [2]
    tokenizer.encode_special_tokens = True
    assert tokenizer.encode("<one>").ids == [1]
