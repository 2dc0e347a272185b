"""The DSTA authors' ResNet-50 checkpoint, as their training program saves it.

Names and shapes were read in github.com/zgspose/DSTA at cb683c1 (`posetimation/zoo/DSTA/dsta_std_resnet50.py`, file
version 2817b9d, and `engine/defaults/checkpoints.py`), github.com/Jeff-sjtu/res-loglikelihood-regression at eb20080
(the ResNet) and github.com/aim-uofa/Poseur at 1d6e757 (the flow). No code is copied. The released file itself was not
at hand.

The network has 17 tokens, of which two are attended over time and read by no joint. Both branches of the transformer
are joined by a 1 x 1 convolution over (over time, over parts): a linear layer of two numbers here.
"""

from chronopose.models.dsta import DSTAConfig
from chronopose.models.published.rules import Drop, Layout, Take, reshaped

_BLOCKS = {
    "norm1": "norm1",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.out",
    "norm2": "norm2",
    "mlp.fc1": "feed_forward.0",
    "mlp.fc2": "feed_forward.2",
}
_BRANCHES = {"Spatial_blocks": "spatial", "blocks": "temporal"}

AUTHORS = Layout(
    project="the authors of DSTA",
    url="https://github.com/zgspose/DSTA (code Apache-2.0)",
    sign=r"weighted_mean\.weight",
    rules=(
        Take(pattern=r"preact\.(.+)", target=r"backbone.trunk.\1"),
        Take(pattern=r"fc_coord\.linear\.(weight|bias)", target=r"jfd.linear.\1"),
        Take(pattern=r"Spatial_pos_embed", target="aggregate.spatial.position"),
        Take(pattern=r"Temporal_pos_embed", target="aggregate.temporal.position"),
        *(
            Take(
                pattern=rf"{theirs}\.(\d+)\.{part.replace('.', '[.]')}\.(weight|bias)",
                target=rf"aggregate.{ours}.transformer.blocks.\1.{place}.\2",
            )
            for theirs, ours in _BRANCHES.items()
            for part, place in _BLOCKS.items()
        ),
        Take(pattern=r"Spatial_norm\.(weight|bias)", target=r"aggregate.spatial.transformer.norm.\1"),
        Take(pattern=r"Temporal_norm\.(weight|bias)", target=r"aggregate.temporal.transformer.norm.\1"),
        Take(pattern=r"weighted_mean\.(weight|bias)", target=r"aggregate.balance.\1", change=reshaped),
        Take(pattern=r"head_coord\.(.+)", target=r"coordinates.\1"),
        Take(pattern=r"head_sigma\.(.+)", target=r"deviation.\1"),
        Drop(pattern=r"flow\.(mask|[st]\.\d+\.\d+\.(weight|bias))", why="the flow of the training loss"),
    ),
)


def layouts(_: DSTAConfig) -> tuple[Layout, ...]:
    """Those of a DSTA network."""
    return (AUTHORS,)
