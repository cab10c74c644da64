import warnings

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file
from torch import nn
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM, LlamaModel
from watching import watch


@watch(
    "torch",
    "`torch.optim.Muon` takes matrices alone; a vector or a stack of matrices is refused.",
    met="train/optimisers.py, organisms/recipe.py",
    source="`torch/optim/_muon.py`",
    seen="2.13.0",
)
def test_muon_takes_matrices_alone():
    torch.optim.Muon([nn.Parameter(torch.ones(2, 2))], adjust_lr_fn="match_rms_adamw")
    for shape in ((2,), (2, 2, 2, 2)):
        with pytest.raises(ValueError, match="2D"):
            torch.optim.Muon([nn.Parameter(torch.ones(shape))])


@watch(
    "torch",
    "`torch.randn` gives the same numbers for the same seed and shape, but 16 numbers are not the first 16 of 20.",
    met="every drawing loop: a sample draws its noise whole, in its own shape",
    source="pytorch issue 80202; `aten/src/ATen/native/cpu/DistributionTemplates.h`",
    seen="2.13.0",
)
def test_noise_depends_on_seed_and_shape():
    def noise(count: int) -> torch.Tensor:
        return torch.randn(count, generator=torch.Generator().manual_seed(0))

    assert torch.allclose(noise(4), torch.tensor([1.5409961, -0.2934289, -2.1787894, 0.5684313]))
    assert torch.equal(noise(16), noise(16))
    assert not torch.equal(noise(20)[:16], noise(16))


@watch(
    "diffusers",
    "`WanCausalConv3d` keeps its padding (columns and rows first, twice each) in `_padding` and its kernel"
    " for the present"
    " frame last.",
    met="models/show_o2/vae.py",
    source="`autoencoder_kl_wan.py`",
    seen="0.40.0 to 0.42.1",
)
def test_the_kernel_of_the_present_frame_stands_last():
    conv = WanCausalConv3d(2, 3, 3, padding=1)
    frame = torch.randn(1, 2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        alone = nn.functional.conv2d(
            nn.functional.pad(frame[:, :, 0], conv._padding[:4]), conv.weight[:, :, -1], conv.bias
        )
        assert torch.allclose(conv(frame)[:, :, 0], alone, atol=1e-6)


@watch(
    "diffusers",
    "`UniPCMultistepScheduler` of `solver_type` bh1 ends in NaN where the last step leads to no noise"
    " (`final_sigmas_type` zero, the default).",
    met="models/cosmos3/folder.py, which refuses it",
    source="`scheduling_unipc_multistep.py`",
    seen="0.40.0 to 0.42.1",
)
def test_one_type_of_a_solver_ends_in_no_number():
    def ends(**how: str) -> torch.Tensor:
        solver, rows = UniPCMultistepScheduler(**how), torch.ones(1, 2)
        solver.set_timesteps(4)
        for time in solver.timesteps:
            rows = solver.step(0.1 * rows, time, rows).prev_sample
        return rows

    assert ends(solver_type="bh1").isnan().all()
    assert ends(solver_type="bh1", final_sigmas_type="sigma_min").isfinite().all()
    assert ends(solver_type="bh2").isfinite().all()


@pytest.fixture
def network() -> LlamaForCausalLM:
    sizes = {"vocab_size": 32, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(LlamaConfig(**sizes, **heads))


CONFIG = {"r": 2, "lora_alpha": 8, "target_modules": ["model.layers.0.mlp.up_proj"], "bias": "none"}
INSIDE = "model.layers.0.mlp.up_proj"


@watch(
    "peft",
    "Adapters put into a network stand as `lora_A.default` and `lora_B.default` beside `base_layer`, of which"
    " B begins at zero;"
    " what they add is B A alpha / rank.",
    met="train/learning.py",
    source="`tuners/lora/layer.py`",
    seen="0.20.0 to 0.21.2",
)
def test_what_adapters_add(network):
    inject_adapter_in_model(LoraConfig(**CONFIG), network, adapter_name="default")
    state = network.state_dict()
    one, other = (state[f"{INSIDE}.lora_{part}.default.weight"] for part in "AB")
    assert not other.any()
    layer = network.get_submodule(INSIDE)
    with torch.no_grad():
        layer.lora_B["default"].weight.fill_(0.5)
        rows = torch.ones(1, 8)
        added = layer(rows) - rows @ state[f"{INSIDE}.base_layer.weight"].T
        assert torch.allclose(added, rows @ (other @ one * 4).T, atol=1e-6)
    assert layer.scaling["default"] == 4


def _save(network: LlamaForCausalLM, folder) -> None:
    """As train/folder.py does."""
    config = LoraConfig(**CONFIG)
    inject_adapter_in_model(config, network, adapter_name="default")
    with torch.no_grad():
        network.get_submodule(INSIDE).lora_B["default"].weight.fill_(0.5)
    found = get_peft_model_state_dict(network, adapter_name="default")
    config.save_pretrained(folder)
    save_file(
        {f"base_model.model.{name}": tensor for name, tensor in found.items()}, folder / "adapter_model.safetensors"
    )


@watch(
    "peft",
    "`PeftModel.from_pretrained` applies an adapter whose names begin with `base_model.model.` to the network"
    " it was made"
    " from; on the backbone alone it warns and changes nothing, and `load_adapter` says so in its result only.",
    met="the `adapter` folder beside bound weights (docs/training.md)",
    source="`peft_model.py`",
    seen="0.20.0 to 0.21.2",
)
def test_peft_applies_an_adapter_to_the_whole_network_only(network, tmp_path):
    ids = torch.arange(4)[None]
    plain = LlamaForCausalLM(network.config)
    plain.load_state_dict(network.state_dict())
    backbone = LlamaModel(network.config)
    backbone.load_state_dict(network.model.state_dict())
    _save(network, tmp_path)
    with torch.no_grad():
        wanted, before = network(ids).logits, plain(ids).logits
        assert not torch.equal(wanted, before)
        assert torch.allclose(PeftModel.from_pretrained(plain, tmp_path)(ids).logits, wanted, atol=1e-6)
        untouched = backbone(ids).last_hidden_state
        config = LoraConfig(**{**CONFIG, "target_modules": ["up_proj"]})
        config.save_pretrained(tmp_path)
        with pytest.warns(UserWarning, match="missing adapter keys"):
            changed = PeftModel.from_pretrained(backbone, tmp_path)
        assert torch.equal(changed(ids).last_hidden_state, untouched)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert len(changed.load_adapter(tmp_path, "again").missing_keys) == 2


@watch(
    "transformers",
    "`load_adapter` of a backbone applies an adapter that was made for the whole network, which peft's own doors do"
    " not.",
    met="the `adapter` folder beside bound weights (docs/training.md)",
    source="`integrations/peft.py`",
    seen="5.20.0 to 5.24.0",
)
def test_transformers_applies_the_same_adapter_to_a_backbone(network, tmp_path):
    ids = torch.arange(4)[None]
    backbone = LlamaModel(network.config)
    backbone.load_state_dict(network.model.state_dict())
    _save(network, tmp_path)
    LoraConfig(**{**CONFIG, "target_modules": ["up_proj"]}).save_pretrained(tmp_path)
    with torch.no_grad():
        backbone.load_adapter(str(tmp_path))
        assert torch.allclose(backbone(ids).last_hidden_state, network.model(ids).last_hidden_state, atol=1e-6)
