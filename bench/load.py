"""What it takes to load a checkpoint: peak memory against the model's own size, on a random BAGEL of a given shape.

The checkpoint is written and loaded in processes of their own. "peak" is the most memory the loading process held above
what it held after its imports, file pages that it had mapped included; "size" is what the loaded weights take. Two
copies of the weights would show as a ratio of 2. `--quantised` stores linear layers so; size is still
that of what is loaded. "check" is the processor time of loading over that without the look at
every number, the least of several loads of either kind, in turn.

`--layouts` loads the same tensors in every layout (`tests/helpers/checkpoint_layouts.py`) and, of a Janus-Pro, in that
of transformers, each in turn with one file of safetensors: the least processor seconds, and the median of the paired
ratios. Digests of large files are remembered before, as they are from the second start on.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, int]] = {
    "0.1B": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 12, "num_attention_heads": 8},
    "1B": {"hidden_size": 1024, "intermediate_size": 4864, "num_hidden_layers": 26, "num_attention_heads": 8},
}
MIB = 2**20


def fp8(key: str, tensor: Any) -> dict[str, Any]:
    """A weight in 8-bit floats with one scale per row."""
    import torch

    scale = tensor.float().abs().amax(1, keepdim=True) / 448
    return {key: (tensor.float() / scale).to(torch.float8_e4m3fn), f"{key}_scale": scale}


def nf4(key: str, tensor: Any) -> dict[str, Any]:
    """A weight as a layer of bitsandbytes saves it."""
    from bitsandbytes.functional import quantize_4bit

    packed, state = quantize_4bit(tensor, quant_type="nf4")
    return {key: packed, **{f"{key}.{name}": part for name, part in state.as_dict(packed=True).items()}}


def int8(key: str, tensor: Any) -> dict[str, Any]:
    """As `nf4`, in integers."""
    from bitsandbytes.functional import int8_vectorwise_quant

    packed, scale, _ = int8_vectorwise_quant(tensor)
    return {key: packed, f"{key.removesuffix('weight')}SCB": scale}


QUANTISED: dict[str, Any] = {"fp8": fp8, "nf4": nf4, "int8": int8}


def write(folder: Path, shape: str, quantised: str = "") -> None:
    """A folder in the published layout with random weights of 16 bits; the pixel autoencoder is the published size."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import AddedToken, Tokenizer, models

    from unispect.models.bagel.config import network_config
    from unispect.models.bagel.keys import AUTOENCODER, authors_table
    from unispect.models.bagel.network import BagelNetwork
    from unispect.models.building import empty
    from unispect.models.keys import published

    language: dict[str, Any] = {"vocab_size": 32000, "num_key_value_heads": 4, "rope_theta": 1e6, **SHAPES[shape]}
    vision = {"hidden_size": 576, "intermediate_size": 2152, "num_hidden_layers": 13, "num_attention_heads": 8}
    vision |= {"patch_size": 14, "image_size": 980}
    for name, content in (("llm_config", language), ("vit_config", vision), ("config", {"model_type": "bagel"})):
        (folder / f"{name}.json").write_text(json.dumps(content))
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    special = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = network_config(language=language, vision=vision, content={})
    state = published(authors_table(config), empty(BagelNetwork, config).state_dict())
    generator = torch.Generator().manual_seed(0)
    for file, mine, dtype in (("ema", False, torch.bfloat16), ("ae", True, torch.float32)):
        made = {
            key.removeprefix(AUTOENCODER): torch.randn(tensor.shape, generator=generator, dtype=dtype)
            for key, tensor in state.items()
            if key.startswith(AUTOENCODER) == mine
        }
        for key in list(made) if quantised and not mine else ():
            if made[key].ndim == 2 and ".layers." in key:
                made |= QUANTISED[quantised](key, made[key])
        save_file(made, folder / f"{file}.safetensors")


def held() -> int:
    """Bytes that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def load(folder: Path, dtype: str) -> tuple[int, int, int, float]:
    """Parameters, bytes of the weights, bytes at the peak beyond the imports, seconds."""
    from unispect.models.bagel.card import CARDS
    from unispect.models.bagel.folder import load as load_bagel

    before, start = held(), time.perf_counter()
    model = load_bagel(CARDS["bagel-7b-mot"], folder, device="cpu", dtype=dtype)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    tensors = list(model.network.state_dict().values())
    return sum(t.numel() for t in tensors), sum(t.numel() * t.element_size() for t in tensors), peak, seconds


def processor_seconds(folder: Path, dtype: str, repeats: int) -> tuple[float, float]:
    """Processor seconds of loading, and without looking whether every number is finite; the least of `repeats`."""
    from unispect.models import keys
    from unispect.models.bagel.card import CARDS
    from unispect.models.bagel.folder import load as load_bagel

    checked = keys.all_finite
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(repeats):
        for looked in found:
            keys.all_finite = checked if looked else lambda numbers: True
            start = time.process_time()
            load_bagel(CARDS["bagel-7b-mot"], folder, device="cpu", dtype=dtype)
            found[looked].append(time.process_time() - start)
    return min(found[True]), min(found[False])


def write_janus(folder: Path) -> None:
    """A Janus-Pro of some 0.15 billion parameters in bfloat16, in the authors' layout and, beside it, transformers'."""
    import torch

    from tests.helpers import tiny_janus
    from unispect.models.janus_pro.folder import load as load_janus
    from unispect.models.janus_pro.folder import save

    (folder / "plain").mkdir()
    tiny_janus.write_checkpoint(folder / "plain", hidden=768, layers=16, vocabulary=32000)
    model = load_janus(tiny_janus.TINY, folder / "plain", device="cpu", dtype="bfloat16")
    save(model, folder / "plain" / "model.safetensors", dtype=torch.bfloat16)
    model.network.save_pretrained(folder / "other")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(folder / "plain" / name, folder / "other" / name)
    picture = model.processor.picture
    settings = {"size": {"height": picture.size, "width": picture.size}, "min_size": picture.min_size}
    settings |= {"image_mean": picture.mean, "image_std": picture.std}
    content = {"image_processor": settings, "num_image_tokens": 16}
    (folder / "other" / "processor_config.json").write_text(json.dumps(content))


def layouts(place: Path, shape: str, repeats: int) -> None:
    """Prints what loading takes in every layout, against one file of safetensors."""
    from tests.helpers.checkpoint_layouts import READ
    from tests.helpers.odd_checkpoints import FAMILIES
    from unispect.models import digests

    digests.SETTLED = 0.0  # those of files that were just written are remembered too

    def measured(name: str, family: str, usual: Path, other: Path) -> None:
        tiny, load_one = FAMILIES[family]
        pairs = []
        for _ in range(repeats + 1):
            taken = []
            for folder in (usual, other):
                start = time.process_time()
                load_one(tiny.TINY, folder, device="cpu", dtype="bfloat16")
                taken.append(time.process_time() - start)
            pairs.append(taken)
        seconds = [min(one) for one in zip(*pairs[1:], strict=True)]
        ratio = statistics.median(one / plain for plain, one in pairs[1:])
        print(f"| {family} | {name} | {seconds[0]:.2f} | {seconds[1]:.2f} | {ratio:.2f} |", flush=True)

    print("| family | layout | one file, s | so, s | ratio |\n|---|---|---|---|---|", flush=True)
    for folder in ("plain", "janus"):
        (place / folder).mkdir()
    write(place / "plain", shape)
    (place / "plain" / "ema.safetensors").rename(place / "plain" / "model.safetensors")
    for layout in READ:
        if layout.name.partition(" in front")[0] in ALIKE:
            continue
        other = Path(shutil.copytree(place / "plain", place / "other"))
        layout.make(other)
        measured(layout.name, "bagel", place / "plain", other)
        shutil.rmtree(other)
    write_janus(place / "janus")
    measured("transformers'", "janus-pro", place / "janus" / "plain", place / "janus" / "other")


ALIKE = ("`model.`", "`diffusion_model.`", "`base_model.model.`", "`_orig_mod.`", "`module._orig_mod.student.`")
"""Names in front of all others that are taken off as `module.` is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--shape", nargs="+", choices=list(SHAPES), default=["0.1B", "1B"])
    parser.add_argument("--dtype", nargs="+", default=["bfloat16"])
    parser.add_argument("--quantised", choices=list(QUANTISED), default="")
    parser.add_argument("--layouts", action="store_true")
    args = parser.parse_args()
    if args.layouts:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        for shape in args.shape:
            with tempfile.TemporaryDirectory() as name:
                os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
                layouts(Path(name), shape, args.repeats)
        return
    apart = multiprocessing.get_context("spawn")
    print("shape  dtype     parameters  size MiB  peak MiB  peak / size  seconds  check")
    for shape in args.shape:
        with tempfile.TemporaryDirectory() as name:
            with apart.Pool(1) as pool:
                pool.apply(write, (Path(name), shape, args.quantised))
            for dtype in args.dtype:
                with apart.Pool(1) as pool:
                    count, size, peak, seconds = pool.apply(load, (Path(name), dtype))
                with apart.Pool(1) as pool:
                    checked, unchecked = pool.apply(processor_seconds, (Path(name), dtype, args.repeats))
                times = f"{checked / unchecked:5.2f} ({checked:.2f} / {unchecked:.2f} s)"
                print(
                    f"{shape:>5}  {dtype:8}  {count / 1e6:8.1f} M  {size / MIB:8.0f}  {peak / MIB:8.0f}  "
                    f"{peak / size:11.2f}  {seconds:7.1f}  {times}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
