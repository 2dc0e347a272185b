"""ViTPose's checkpoints with the classic or the simple decoder: of its authors, of mmpose, of the Hugging Face hub.

Names and shapes were read in github.com/ViTAE-Transformer/ViTPose (Apache-2.0) at 33f49cf (`backbones/vit.py` and
`heads/topdown_heatmap_simple_head.py`) and 98fb7f8 (`vit_moe.py`, `detectors/top_down_moe.py`); in mmpose at 296c52c
(the settings), mmpretrain at 00030e3 (`vision_transformer.py`) and 0979e78 (`attention.py`), mmcv at 08f3739
(`bricks/transformer.py`); in github.com/huggingface/transformers (Apache-2.0) at 015e687, 001f85b and a1567e0
(`vitpose_backbone`, `vitpose`, and the script that made the hub's files). No code is copied. The released files
themselves were not at hand.

- The authors' code of place has a row for a class token that is not there; their program adds it to every token, and
  so it is added to the rows that are kept. mmpose's loader drops such a row, and so it is dropped from mmpose's files.
- The hub's files have queries, keys and values apart; here they are one layer, in this order.
- ViTPose+ gives part of each feed-forward output to an expert for each data set. The first is COCO's, and its rows are
  put behind the shared ones, which makes a plain ViTPose; the others, and the heads of their data sets, are left out.
- The simple decoder, "-simple" in a file's name, is a ReLU, a bilinear enlargement by 4 and a 3 x 3 convolution, as the
  authors' head and mmpose at 081e3f9 (the settings) and 097a1ed (`necks/fmap_proc_neck.py`) have it. All its tensors
  are the convolution's, under names that the classic one has too, so the transposed convolutions tell which it is, and
  the preset's `head` and `deconvs` are changed to it.
"""

from dataclasses import replace

import torch
from torch import Tensor

from chronopose.models.baselines import SimpleBaselineConfig
from chronopose.models.published.mmpose import PREPROCESSOR
from chronopose.models.published.rules import Drop, Layout, Take

_SIMPLE = {"head": "simple", "deconvs": 0}
_HEADLESS = "it has ViTPose's backbone and no decoder; wanted a file with the classic or the simple one"
_OTHER_DATA = "experts and heads for data sets other than COCO"
_BLOCK = "backbone.trunk.blocks"
_LINEAR = r"(weight|bias)"


def _added(tensor: Tensor, shape: torch.Size) -> Tensor:
    """The code of place with its first row added to the others."""
    rows = tensor.ndim == 3 and tensor.shape[1] == shape[1] + 1
    return tensor[:, 1:] + tensor[:, :1] if rows else tensor


def _without_first(tensor: Tensor, shape: torch.Size) -> Tensor:
    """The code of place without the row of a class token, where there is one."""
    rows = tensor.ndim == 3 and tensor.shape[1] == shape[1] + 1
    return tensor[:, 1:] if rows else tensor


AUTHORS = Layout(
    project="the authors of ViTPose",
    url="https://github.com/ViTAE-Transformer/ViTPose (code Apache-2.0)",
    sign=r"keypoint_head\.deconv_layers\.0\.weight",
    rules=(
        Take(pattern=r"backbone\.pos_embed", target="backbone.trunk.pos_embed", change=_added),
        Drop(pattern=r"backbone\.cls_token", why="a class token that nothing reads"),
        Take(pattern=rf"backbone\.patch_embed\.proj\.{_LINEAR}", target=r"backbone.trunk.patch_embed.proj.\1"),
        Take(pattern=r"backbone\.blocks\.(\d+)\.mlp\.experts\.0\.(.+)", target=rf"{_BLOCK}.\1.mlp.fc2.\2", part=1),
        Drop(pattern=r"backbone\.blocks\.\d+\.mlp\.experts\.[1-9]\..+", why=_OTHER_DATA),
        Take(pattern=r"backbone\.blocks\.(.+)", target=rf"{_BLOCK}.\1"),
        Take(pattern=rf"backbone\.last_norm\.{_LINEAR}", target=r"backbone.trunk.norm.\1"),
        Take(pattern=r"keypoint_head\.deconv_layers\.(.+)", target=r"enlarge.\1"),
        Take(pattern=rf"keypoint_head\.final_layer\.{_LINEAR}", target=r"maps.\1"),
        Drop(pattern=r"associate_keypoint_heads\..+", why=_OTHER_DATA),
    ),
)

AUTHORS_SIMPLE = replace(
    AUTHORS,
    sign=r"backbone\.blocks\.0\.norm1\.weight",
    needs={r"keypoint_head\.final_layer\.weight": _HEADLESS},
    changes=_SIMPLE,
)

_MMPOSE_BLOCKS = {
    "ln1": "norm1",
    "attn.qkv": "attn.qkv",
    "attn.proj": "attn.proj",
    "ln2": "norm2",
    "ffn.layers.0.0": "mlp.fc1",
    "ffn.layers.1": "mlp.fc2",
}

MMPOSE = Layout(
    project="mmpose",
    url="https://github.com/open-mmlab/mmpose (code Apache-2.0)",
    sign=r"head\.deconv_layers\.0\.weight",
    rules=(
        PREPROCESSOR,
        Take(pattern=r"backbone\.pos_embed", target="backbone.trunk.pos_embed", change=_without_first),
        Take(pattern=rf"backbone\.patch_embed\.projection\.{_LINEAR}", target=r"backbone.trunk.patch_embed.proj.\1"),
        *(
            Take(
                pattern=rf"backbone\.layers\.(\d+)\.{theirs.replace('.', '[.]')}\.{_LINEAR}",
                target=rf"{_BLOCK}.\1.{ours}.\2",
            )
            for theirs, ours in _MMPOSE_BLOCKS.items()
        ),
        Take(pattern=rf"backbone\.ln1\.{_LINEAR}", target=r"backbone.trunk.norm.\1"),
        Take(pattern=r"head\.deconv_layers\.(.+)", target=r"enlarge.\1"),
        Take(pattern=rf"head\.final_layer\.{_LINEAR}", target=r"maps.\1"),
    ),
)

MMPOSE_SIMPLE = replace(
    MMPOSE,
    sign=r"backbone\.layers\.0\.ln1\.weight",
    needs={r"head\.final_layer\.weight": _HEADLESS},
    changes=_SIMPLE,
)

_HUB_LAYER = r"backbone\.encoder\.layer\.(\d+)"
_HUB_BLOCKS = {
    "layernorm_before": "norm1",
    "attention.output.dense": "attn.proj",
    "layernorm_after": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}

HUB = Layout(
    project="the Hugging Face hub",
    url="https://huggingface.co/usyd-community",
    sign=r"head\.deconv1\.weight",
    rules=(
        Take(pattern=r"backbone\.embeddings\.position_embeddings", target="backbone.trunk.pos_embed", change=_added),
        Take(
            pattern=rf"backbone\.embeddings\.patch_embeddings\.projection\.{_LINEAR}",
            target=r"backbone.trunk.patch_embed.proj.\1",
        ),
        *(
            Take(
                pattern=rf"{_HUB_LAYER}\.attention\.attention\.{name}\.{_LINEAR}",
                target=rf"{_BLOCK}.\1.attn.qkv.\2",
                part=part,
            )
            for part, name in enumerate(("query", "key", "value"))
        ),
        *(
            Take(pattern=rf"{_HUB_LAYER}\.{theirs.replace('.', '[.]')}\.{_LINEAR}", target=rf"{_BLOCK}.\1.{ours}.\2")
            for theirs, ours in _HUB_BLOCKS.items()
        ),
        Take(pattern=rf"{_HUB_LAYER}\.mlp\.experts\.0\.{_LINEAR}", target=rf"{_BLOCK}.\1.mlp.fc2.\2", part=1),
        Drop(pattern=rf"{_HUB_LAYER}\.mlp\.experts\.[1-9]\.{_LINEAR}", why=_OTHER_DATA),
        Take(pattern=rf"backbone\.layernorm\.{_LINEAR}", target=r"backbone.trunk.norm.\1"),
        Take(pattern=r"head\.deconv1\.weight", target="enlarge.0.weight"),
        Take(pattern=r"head\.batchnorm1\.(.+)", target=r"enlarge.1.\1"),
        Take(pattern=r"head\.deconv2\.weight", target="enlarge.3.weight"),
        Take(pattern=r"head\.batchnorm2\.(.+)", target=r"enlarge.4.\1"),
        Take(pattern=rf"head\.conv\.{_LINEAR}", target=r"maps.\1"),
    ),
)

HUB_SIMPLE = replace(
    HUB,
    sign=r"backbone\.encoder\.layer\.0\.layernorm_before\.weight",
    needs={r"head\.conv\.weight": _HEADLESS},
    changes=_SIMPLE,
)


def layouts(_: SimpleBaselineConfig) -> tuple[Layout, ...]:
    """Those of a ViTPose network; the classic ones come first, whose files have the signs of the simple ones too."""
    return AUTHORS, MMPOSE, HUB, AUTHORS_SIMPLE, MMPOSE_SIMPLE, HUB_SIMPLE
