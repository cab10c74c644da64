"""What binding takes, said before it begins against measured: an organism, and a Janus-Pro of the 1B's widths.

Every case runs in a process of its own, on the CPU, for two optimiser steps. "measured" is the most memory the process
held while it trained, above what it held before the model was loaded. The 1B case keeps the widths of Janus-Pro-1B and
its pictures (384 pixels, 576 tokens), with random weights and fewer blocks and words, so that it fits small machines.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
from pathlib import Path
from typing import Any

GIB = 2**30
CASES: dict[str, dict[str, Any]] = {
    "tiny-janus-pro, 24 at a time": {"model": "tiny-janus-pro", "batch": 24, "optimiser": "muon"},
    "1B widths, 2 of 24 blocks, 2 at a time": {"depth": 2, "batch": 2},
    "1B widths, 2 of 24 blocks, 2 at a time, computed again": {"depth": 2, "batch": 2, "spare": True},
}
WORDS = 16384


def write(folder: Path, depth: int) -> None:
    """A folder in the published layout with random weights."""
    from unispect.models.janus_pro.folder import save, start
    from unispect.models.registry import card_of
    from unispect.organisms.making.janus_pro import write_files
    from unispect.organisms.tokenizer import world_sentences

    write_files(folder, world_sentences())
    config = json.loads((folder / "config.json").read_text())
    config["language_config"] |= {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": depth}
    config["language_config"] |= {"num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": WORDS}
    sizes = {"image_size": 384, "patch_size": 16, "width": 1024, "layers": 2, "heads": 16}
    config["vision_config"]["params"] |= sizes
    config["aligner_config"]["params"] |= {"input_dim": 1024, "n_embed": 2048}
    config["gen_vision_config"]["params"] = {"image_token_size": 16384, "n_embed": 8}
    config["gen_aligner_config"]["params"] |= {"n_embed": 2048}
    config["gen_head_config"]["params"] |= {"image_token_embed": 2048, "image_token_size": 16384, "n_embed": 2048}
    (folder / "config.json").write_text(json.dumps(config))
    for name, change in (("preprocessor_config", {"image_size": 384}), ("processor_config", {"num_image_tokens": 576})):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    save(start(card_of("tiny-janus-pro"), folder, seed=0), folder / "model.safetensors")


def held() -> int:
    """Bytes that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def most() -> int:
    """Bytes that this process held at most since the mark was put down."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


class Done(Exception):
    pass


def measure(model: str, batch: int, optimiser: str, spare: bool, found) -> None:
    """Sends the estimate's parts and what was measured."""
    import torch

    from unispect.models.registry import load
    from unispect.train.finetune import FinetuneConfig, finetune, prepare
    from unispect.train.recipe import load_recipe

    torch.set_num_threads(1)
    changes = {"steps": 2, "batch": batch, "micro_batch": batch, "optimiser": optimiser, "learning_rate": 1e-5}
    if batch < 12:
        changes |= {"auxiliary": {"source": "", "per_prompt": 1.0}}
    recipe = load_recipe("tiny-drawing", changes | {"gradient_checkpointing": spare})
    if batch < 12:
        recipe = recipe.beside("none")
    load("tiny-janus-pro", device="cpu")  # so that what is imported on the way does not count
    before = held()

    def stop(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        if step == steps:
            raise Done

    with tempfile.TemporaryDirectory() as out:
        ready = prepare(FinetuneConfig(model, recipe, "bench", Path(out) / "out", "cpu"))
        ready.mixture.example(ready.mixture.specs(0)[0], ready.model)
        Path("/proc/self/clear_refs").write_text("5")
        try:
            finetune(ready, stop)
        except Done:
            found.send((ready.needs, most() - before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=len(CASES), help="how many of the cases, from the first on")
    cases = list(CASES.items())[: parser.parse_args().cases]
    context = multiprocessing.get_context("spawn")
    print(f"{'case':<64} {'said':>9} {'measured':>9} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name, case in cases:
            model = case.get("model")
            if model is None:
                place = Path(folder) / str(case["depth"])
                if not place.exists():
                    writer = context.Process(target=write, args=(place, case["depth"]))
                    writer.start()
                    writer.join()
                model = f"tiny-janus-pro={place}"
            ours, theirs = context.Pipe(duplex=False)
            arguments = (model, case["batch"], case.get("optimiser", "adamw"), case.get("spare", False), theirs)
            child = context.Process(target=measure, args=arguments)
            child.start()
            theirs.close()
            needs, measured = ours.recv()
            child.join()
            said = needs.total / GIB
            print(f"{name:<64} {said:>5.2f} GiB {measured / GIB:>5.2f} GiB {said * GIB / measured:>6.2f}", flush=True)
            print(f"    {needs.text}", flush=True)


if __name__ == "__main__":
    main()
