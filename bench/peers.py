"""Janus-Pro beside others' code on the same weights: transformers' class, and the authors' where a checkout is named.

    OMP_NUM_THREADS=1 python bench/peers.py                     # the organism
    OMP_NUM_THREADS=1 python bench/peers.py --wide              # published widths, four layers, random weights
    OMP_NUM_THREADS=1 python bench/peers.py --authors FOLDER    # a checkout of github.com/deepseek-ai/Janus
    OMP_NUM_THREADS=1 python bench/peers.py --narrow            # at those widths ours alone, in float32 and in bfloat16

Ours and the other take turns; told are medians of processor seconds and the median of the ratios of a turn (above 1:
ours is faster). Drawing samples at guidance 3 from the prompt to a picture; writing takes the best token 16 times, the
organism describing pictures, random weights behind text. Each prompt is another. `same` counts samples that are token
for token the other's: texts as they were written, pictures as they are drawn at temperature 0. Every row is a process
of its own.

The authors' loop, image head and decoder are read from their files; the language model under them is transformers'
Llama of the installed release, what it is given of pictures comes from our tower, and their loop draws one prompt many
times, so ours does too.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from floor import alone, print_traits

GUIDANCE, WRITTEN = 3.0, 16
ORGANISM = "tiny-janus-pro"


@dataclass(frozen=True)
class Row:
    """Processor seconds of the work by turns, how many of the samples are the same, and the machine."""

    ours: Sequence[float]
    theirs: Sequence[float]
    same: str
    peak_mib: float
    traits: dict[str, str]

    def line(self, name: str) -> str:
        ratio = statistics.median(b / a for a, b in zip(self.ours, self.theirs, strict=True))
        mine, other = statistics.median(self.ours), statistics.median(self.theirs)
        return f"{name:<44}{mine:9.3f}{other:9.3f}{ratio:7.2f}x  {self.same:>7}{self.peak_mib:9.0f}"


def write_wide(folder: Path) -> None:
    """A checkpoint of Janus-Pro-1B's widths with four of its layers and pictures of 192 pixels, of random weights."""
    from unispect.models.janus_pro.folder import save, start
    from unispect.models.registry import card_of, files_of

    shutil.copytree(files_of(ORGANISM), folder, ignore=lambda _, names: [n for n in names if n.endswith("tensors")])
    config = json.loads((folder / "config.json").read_text())
    config["language_config"] |= {"vocab_size": 102400, "hidden_size": 2048, "intermediate_size": 5632}
    config["language_config"] |= {"num_hidden_layers": 4, "num_attention_heads": 16, "num_key_value_heads": 16}
    config["vision_config"]["params"] |= {"image_size": 192, "patch_size": 16, "width": 1024, "heads": 16, "layers": 2}
    config["aligner_config"]["params"] |= {"input_dim": 1024, "n_embed": 2048}
    config["gen_aligner_config"]["params"] |= {"n_embed": 2048}
    config["gen_head_config"]["params"] |= {"image_token_embed": 2048, "image_token_size": 16384, "n_embed": 2048}
    config["gen_vision_config"]["params"] = {"image_token_size": 16384, "n_embed": 8}
    (folder / "config.json").write_text(json.dumps(config))
    for name, more in (("preprocessor_config", {"image_size": 192}), ("processor_config", {"num_image_tokens": 144})):
        file = folder / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | more))
    save(start(card_of("janus-pro-1b"), folder, seed=0), folder / "model.safetensors")


def loaded(folder: str, dtype: str = "float32") -> Any:
    import unispect

    torch.set_num_threads(1)
    return unispect.load(f"janus-pro-1b={folder}" if folder else ORGANISM, device="cpu", dtype=dtype)


def prompts_of(task: str, count: int, *, wide: bool, alike: bool = False) -> list[Any]:
    """What is drawn, or asked about: the organism has most to write of pictures; weights at random, of anything.

    Args:
        task: "draw" or "write".
        count: of prompts.
        wide: for random weights.
        alike: all are the first.
    """
    from unispect.core.prompts import Prompt
    from unispect.data.concepts.language import DESCRIBE, draw_prompt, riddle_question
    from unispect.data.concepts.render import render
    from unispect.data.concepts.world import all_concepts

    concepts = list(all_concepts())[:: 840 // 16][:count]
    made = []
    for concept in concepts[:1] * count if alike else concepts:
        words = draw_prompt(concept.values)
        if task == "draw":
            made.append(Prompt.of(words))
        else:
            made.append(Prompt.of(riddle_question(words)) if wide else Prompt.of(render(concept, 64), DESCRIBE))
    return made


def ours_of(model: Any, task: str, prompts: Sequence[Any], temperature: float = 1.0) -> Callable[[], list[list[int]]]:
    """Draws or writes; gives the tokens of every sample."""
    from unispect.core.prompts import Goal
    from unispect.core.replies import ImageSampling, TextSampling

    drawing = ImageSampling(tuple(range(len(prompts))), guidance=GUIDANCE, temperature=temperature)
    writing = TextSampling(max_new_tokens=WRITTEN, log_probabilities=False)

    def work() -> list[list[int]]:
        if task == "draw":
            return [list(reply.tokens) for reply in model.draw(model.encode(prompts, Goal.IMAGE), drawing)]
        return [list(reply.tokens) for reply in model.write(model.encode(prompts, Goal.TEXT), writing)]

    return work


def inputs_of(model: Any, task: str, prompts: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Token ids and attention mask [samples, longest], padded on the left, and pixels."""
    from unispect.core.prompts import Goal

    inputs = model.encode(prompts, Goal.IMAGE if task == "draw" else Goal.TEXT).inputs
    longest, special = max(map(len, inputs.ids)), model.processor.special
    ids = torch.full((len(prompts), longest), special.pad)
    for row, one in zip(ids, inputs.ids, strict=True):
        row[longest - len(one) :] = one
    mask = torch.stack([torch.arange(longest) >= longest - len(one) for one in inputs.ids]).long()
    return ids, mask, inputs.pixels


def in_tree(model: Any, task: str, prompts: Sequence[Any], temperature: float = 1.0) -> Callable[[], list[list[int]]]:
    """The same by the methods of transformers' class, of which `model.network` is one."""
    from transformers import GenerationConfig

    network, special = model.network, model.processor.special
    network.model.vision_model.config.num_image_tokens = model.drawing.places
    ids, mask, pixels = inputs_of(model, task, prompts)
    named = {"bos_token_id": special.bos, "eos_token_id": special.eos, "pad_token_id": special.pad}
    network.generation_config = GenerationConfig(**named, generation_kwargs={"boi_token_id": special.image_start})

    def work() -> list[list[int]]:
        if task == "write":
            seen = {} if pixels is None else {"pixel_values": pixels}
            made = network.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=WRITTEN, **seen)
            return [_until(row, special.eos) for row in made[:, ids.shape[1] :].tolist()]
        how = {"do_sample": bool(temperature), "guidance_scale": GUIDANCE, "max_length": ids.shape[1]}
        made = network.generate(ids, attention_mask=mask, generation_mode="image", **how)
        _as_pictures(network.decode_image_tokens(made).permute(0, 3, 1, 2))
        return made.tolist()

    return work


def authors(folder: str, model: Any, weights: str, task: str, prompts: Sequence[Any]) -> Callable[[], list[list[int]]]:
    """The same by the authors' functions, of prompts that are alike."""
    from transformers import LlamaForCausalLM

    from unispect.core.prompts import Goal
    from unispect.models.registry import files_of

    llama: Any = LlamaForCausalLM(model.backbone.config).eval()
    llama.model, llama.lm_head = model.backbone, model.network.lm_head
    special = model.processor.special
    if task == "write":
        named = {"pad_token_id": special.eos, "bos_token_id": special.bos, "eos_token_id": special.eos}

        def write() -> list[list[int]]:
            with torch.inference_mode():
                inputs = model.encode(prompts, Goal.TEXT).inputs
                rows = torch.stack(model.prompt_rows(inputs, together=True))
                mask = torch.ones(rows.shape[:2], dtype=torch.long)
                how = {"max_new_tokens": WRITTEN, "do_sample": False, "use_cache": True}
                made = llama.generate(inputs_embeds=rows, attention_mask=mask, **named, **how)
            return [_until(row, special.eos) for row in made.tolist()]

        return write
    torch.Tensor.cuda = lambda self, *_: self  # type: ignore[method-assign] # their loop asks for a GPU
    place = Path(weights or files_of(ORGANISM))
    network = _authors_network(Path(folder), place, llama)
    kept = SimpleNamespace(fromarray=lambda array: SimpleNamespace(save=lambda path: None))
    around = {"np": np, "os": SimpleNamespace(**vars(os) | {"makedirs": lambda *_, **__: None})}
    around |= {"PIL": SimpleNamespace(Image=kept), "MultiModalityCausalLM": Any, "VLChatProcessor": Any}
    draw = _defined(Path(folder) / "generation_inference.py", "generate", around)
    ids = inputs_of(model, task, prompts)[0][0].tolist()
    reading = SimpleNamespace(encode=lambda _: ids)
    processor = SimpleNamespace(tokenizer=reading, pad_id=special.pad)
    side = model.card.image_size
    sizes = {"image_token_num_per_image": model.drawing.places, "img_size": side}
    sizes["patch_size"] = side // int(model.drawing.places**0.5)

    def work() -> list[list[int]]:
        draw(network, processor, "", parallel_size=len(prompts), cfg_weight=GUIDANCE, **sizes)
        return []

    return work


def _authors_network(folder: Path, weights: Path, llama: Any) -> Any:
    """What their loop asks of their model, from their classes and a checkpoint in their layout."""
    from safetensors import safe_open

    config = json.loads((weights / "config.json").read_text())
    params = {name: config[name]["params"] for name in ("gen_vision_config", "gen_aligner_config", "gen_head_config")}
    around = {"AttrDict": dict, "Tuple": tuple, "Union": Any, "nn": torch.nn}
    models = folder / "janus" / "models"
    head = _defined(models / "modeling_vlm.py", "vision_head", around)(_Named(params["gen_head_config"]))
    aligner = _defined(models / "projector.py", "MlpProjector", around)(_Named(params["gen_aligner_config"]))
    own = _module(models / "vq_model.py")
    said = params["gen_vision_config"]
    sizes = {"ch": said.get("ch", 128), "num_res_blocks": said.get("num_res_blocks", 2)}
    sizes |= {"z_channels": said.get("z_channels", 256), "ch_mult": said.get("ch_mult", [1, 1, 2, 2, 4])}
    vq = own.VQModel(own.ModelArgs(codebook_size=said["image_token_size"], codebook_embed_dim=said["n_embed"]))
    vq.encoder, vq.decoder = own.Encoder(**sizes), own.Decoder(**sizes)
    vq.quant_conv = torch.nn.Conv2d(sizes["z_channels"], said["n_embed"], 1)
    vq.post_quant_conv = torch.nn.Conv2d(said["n_embed"], sizes["z_channels"], 1)
    for module in vq.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.num_groups = said.get("norm_groups", 32)
    table = torch.nn.Embedding(said["image_token_size"], said["n_embed"])
    parts = {"gen_head": head, "gen_aligner": aligner, "gen_vision_model": vq, "gen_embed": table}
    for name, part in parts.items():
        start = f"{name}."
        with safe_open(weights / "model.safetensors", framework="pt") as file:
            keys = [key for key in file.keys() if key.startswith(start)]  # noqa: SIM118 - no mapping
            wanted = {key.removeprefix(start): file.get_tensor(key).float() for key in keys}
        missing, unknown = part.load_state_dict(wanted, strict=False)
        if unknown or [key for key in missing if "codebook_used" not in key]:
            raise SystemExit(f"{folder}: {name} has other tensors than the checkpoint: {missing} {unknown}")
        part.eval()
    return SimpleNamespace(
        language_model=llama,
        gen_head=head,
        gen_vision_model=vq,
        prepare_gen_img_embeds=lambda codes: aligner(table(codes)),
    )


class _Named(dict[str, Any]):
    """A mapping whose keys are attributes too, as the authors' classes take it."""

    __getattr__ = dict.__getitem__


def _module(file: Path) -> Any:
    """A file that stands on torch alone, as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def _defined(file: Path, name: str, around: dict[str, Any]) -> Any:
    """One function or class of a file, made without running the rest of it."""
    tree = ast.parse(file.read_text())
    body = [node for node in tree.body if getattr(node, "name", "") == name]
    if not body:
        raise SystemExit(f"{file} defines no {name}: give a checkout of github.com/deepseek-ai/Janus")
    space = {"torch": torch, "__name__": file.stem, **around}
    exec(compile(ast.Module(body, []), str(file), "exec"), space)
    return space[name]


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens


def _as_pictures(pixels: torch.Tensor) -> list[Any]:
    from PIL import Image

    return [Image.fromarray(one) for one in ((pixels + 1) * 127.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()]


def turns(ours: Callable[[], Any], theirs: Callable[[], Any], pairs: int) -> tuple[list[float], list[float]]:
    """Processor seconds of both, one after the other, first by turns."""
    spent: tuple[list[float], list[float]] = ([], [])
    for turn in range(pairs):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            before = time.process_time()
            (ours, theirs)[which]()
            spent[which].append(time.process_time() - before)
    return spent


def measure(folder: str, task: str, batch: int, peer: str, pairs: int) -> Row:
    from transformers import logging

    from unispect.engine.machine import traits_of

    logging.set_verbosity_error()
    model = loaded(folder)
    prompts = prompts_of(task, batch, wide=bool(folder), alike=bool(peer))
    mine = ours_of(model, task, prompts)
    theirs = authors(peer, model, folder, task, prompts) if peer else in_tree(model, task, prompts)
    first: list[list[int]] = []
    second = first
    if task == "write":
        first, second = mine(), theirs()
    elif not peer and not folder:  # sampled otherwise: what can be the same is the best token
        first, second = ours_of(model, task, prompts, 0.0)(), in_tree(model, task, prompts, 0.0)()
    same = f"{sum(a == b for a, b in zip(first, second, strict=True))}/{len(first)}" if first else ""
    ours, others = turns(mine, theirs, pairs)
    return Row(ours, others, same, _peak(), dict(traits_of(model)))


def measure_alone(folder: str, task: str, batch: int, dtype: str, repeats: int) -> tuple[float, float]:
    """Processor seconds and peak of our own in one precision."""
    work, spent = ours_of(loaded(folder, dtype), task, prompts_of(task, batch, wide=True)), []
    for _ in range(repeats + 1):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent[1:]), _peak()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    from unispect.engine.machine import traits_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--authors", default="", metavar="FOLDER")
    parser.add_argument("--pairs", type=int, default=0, help="default: 7, and 2 with --wide")
    options = parser.parse_args()
    wide = options.wide or options.narrow
    tasks = [("draw", 1), ("write", 1), ("write", 16)]
    tasks = tasks if wide else [*tasks, ("draw", 16)]
    pairs = options.pairs or (2 if wide else 7)
    with tempfile.TemporaryDirectory() as place:
        folder = str(Path(place) / "wide") if wide else ""
        if folder:
            alone(write_wide, Path(folder))  # by itself: a process that is started begins with its parent's peak
        if options.narrow:
            print_traits(traits_of(SimpleNamespace(device=torch.device("cpu"))))
            print(f"{'':<44}{'s':>9}{'peak MiB':>10}")
        for task, batch in tasks if options.narrow else ():
            for dtype in ("float32", "bfloat16"):
                seconds, peak = alone(measure_alone, folder, task, batch, dtype, 1)
                print(f"{f'published widths, {dtype}, {task} {batch}':<44}{seconds:9.3f}{peak:10.0f}", flush=True)
        told = options.narrow
        for peer in () if options.narrow else ("", options.authors) if options.authors else ("",):
            for task, batch in tasks:
                row = alone(measure, folder, task, batch, peer, pairs)
                if not told:
                    print_traits(row.traits)
                    print(f"{'':<44}{'ours s':>9}{'other s':>9}{'ratio':>8}  {'same':>7}{'peak MiB':>9}")
                    told = True
                name = f"{'published widths' if folder else ORGANISM}, {'authors' if peer else 'transformers'}"
                print(row.line(f"{name}, {task} {batch}"), flush=True)


if __name__ == "__main__":
    main()
