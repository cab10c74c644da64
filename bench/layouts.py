"""What a training of published models takes on each of eight devices, counted on the meta device: no weights are read.

Activations come on top; `unispect train finetune --dry-run` measures those.
"""

from types import SimpleNamespace
from typing import Any

from torch import nn

from unispect.models.bagel import config as bagel_config
from unispect.models.bagel import keys as bagel
from unispect.models.bagel import network as bagel_network
from unispect.models.building import empty
from unispect.models.janus_pro import config as janus_config
from unispect.models.janus_pro import keys as janus
from unispect.models.janus_pro import network as janus_network
from unispect.train.layouts import COPIES, TOGETHER
from unispect.train.learning import set_learning
from unispect.train.memory import GIB, Estimate, Kept, estimate
from unispect.train.recipe import Recipe

DEVICES = 8
ADAPTERS = {"rank": 16, "alpha": 32}


def janus_7b() -> tuple[nn.Module, Any]:
    """Janus-Pro-7B as its `config.json` states it."""
    width = 4096
    mlp = {"depth": 2, "n_embed": width, "projector_type": "mlp_gelu"}
    head = {"image_token_embed": width, "image_token_size": 16384, "n_embed": width}
    vision = {"image_size": 384, "model_name": "siglip_large_patch16_384", "select_feature": "same", "select_layer": -1}
    text = {"model_type": "llama", "vocab_size": 102400, "max_position_embeddings": 16384, "num_hidden_layers": 30}
    config = {
        "model_type": "multi_modality",
        "aligner_config": {"cls": "MlpProjector", "model_type": "aligner", "params": {**mlp, "input_dim": 1024}},
        "gen_aligner_config": {"cls": "MlpProjector", "model_type": "gen_aligner", "params": {**mlp, "input_dim": 8}},
        "gen_head_config": {"cls": "vision_head", "model_type": "gen_head", "params": head},
        "gen_vision_config": {"cls": "VQ-16", "params": {"image_token_size": 16384, "n_embed": 8}},
        "language_config": {**text, "torch_dtype": "bfloat16", "_attn_implementation": "flash_attention_2"},
        "vision_config": {"cls": "CLIPVisionTower", "model_type": "vision", "params": vision},
    }
    return empty(janus_network.build, janus_config.network_config(config, image_token_id=100015)), janus.GROUPS


def bagel_7b() -> tuple[nn.Module, Any]:
    """BAGEL-7B-MoT as its `llm_config.json` and `vit_config.json` state it."""
    text = {"hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_hidden_layers": 28}
    text |= {"num_key_value_heads": 4, "vocab_size": 152064, "rms_norm_eps": 1e-6, "rope_theta": 1e6}
    text |= {"model_type": "qwen2", "hidden_act": "silu", "max_position_embeddings": 32768, "use_sliding_window": False}
    vision = {"hidden_size": 1152, "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 27}
    vision |= {"image_size": 980, "patch_size": 14, "model_type": "siglip_vision_model"}
    config = bagel_config.network_config(language=text, vision=vision, content={})
    return empty(bagel_network.BagelNetwork, config), bagel.GROUPS


def needs(made: tuple[nn.Module, Any], layout: Any, **changes: Any) -> Estimate:
    """Without activations."""
    network, groups = made
    names = [name for name, _ in network.named_parameters()]
    named = {group: [name for name in names if name.startswith(starts)] for group, starts in groups.items()}
    recipe = Recipe(**({"teach": {"drawing": "drawing"}, "steps": 1} | changes))
    model: Any = SimpleNamespace(network=network, parameter_groups=lambda: named)
    learned = set_learning(model, recipe)
    return estimate(network, learned, recipe, Kept(0, 0), layout=layout, devices=DEVICES)


def main() -> None:
    print("| model | what learns | layout | weights | gradients | optimiser | for a moment | together |")
    print("|---|---|---|---|---|---|---|---|")
    for name, make in (("Janus-Pro-7B", janus_7b), ("BAGEL-7B-MoT", bagel_7b)):
        for what, changes in (("language model", {}), ("adapters of rank 16", {"lora": ADAPTERS})):
            for title, layout in {"copies": COPIES, **TOGETHER}.items():
                found = needs(make(), layout, **changes)
                parts = (found.weights, found.gradients, found.optimiser, found.working, found.total)
                print(f"| {name} | {what} | {title} | {' | '.join(f'{part / GIB:.1f}' for part in parts)} |")


if __name__ == "__main__":
    main()
