"""What the papers' own runs take, counted on paper: nothing is trained, and nobody's data are needed.

`python benchmarks/paper_runs.py` prints the table of docs/recipes.md. Memory is weights, gradients and AdamW's two
moments of what is trained, and what a pass keeps for its gradient, each batch as a whole and in 32 bits; half
precision keeps about half of the latter. What the kernels take for themselves comes on top. Work is three times the
forward pass, once where a backbone rests.
"""

import torch
from torch import Tensor, nn

from chronopose.models import network_of
from chronopose.models.complexity import complexity
from chronopose.recipes.paper_run import PERSONS, Config
from chronopose.recipes.papers import RECIPES


def main() -> None:
    """Prints a row for each recipe, one PoseTrack standing for the three."""
    print("| recipe | parameters, trained | a sample | memory | passes | work |\n|---|---|---|---|---|---|")
    for name, recipe in RECIPES.items():
        if not name.endswith(("posetrack18", "posetrack21")):
            print(row(name.replace("posetrack17", "posetrack*"), recipe.config))


def row(name: str, config: Config) -> str:
    """One line of the table."""
    with torch.device("meta"):
        model = network_of(config.model)
    cost, frames = complexity(model), len(model.spec.offsets)
    encode = frames * cost.macs_encode_per_frame
    fuse = cost.macs_fuse_per_window * (frames if model.spec.recurrent else 1)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    rests = not next(model.backbone.parameters()).requires_grad
    memory = 4 * cost.parameters + 12 * trained + config.train.batch_size * kept(model)
    samples = PERSONS[config.data.name] // config.data.every * config.train.epochs
    work = samples * ((1 if rests else 3) * encode + 3 * fuse)
    return (
        f"| {name} | {cost.parameters / 1e6:.1f} M, {trained / 1e6:.1f} M | {(encode + fuse) / 1e9:.1f} G | "
        f"{memory / 1e9:.0f} GB | {samples / 1e6:.2f} M | {work / 1e18:.2f} E |"
    )


def kept(model: nn.Module) -> int:
    """Bytes that a pass over one sample keeps for its gradient, weights excluded."""
    spec = model.spec
    weights = {tensor.untyped_storage()._cdata for tensor in [*model.parameters(), *model.buffers()]}
    found: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        found[tensor.untyped_storage()._cdata] = tensor  # and so lives on: addresses are not given out again
        return tensor

    pixels = torch.zeros(1, len(spec.offsets), 3, spec.height, spec.width, dtype=torch.uint8, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = model.train()(pixels)
    del output
    return sum(tensor.untyped_storage().nbytes() for place, tensor in found.items() if place not in weights)


if __name__ == "__main__":
    main()
