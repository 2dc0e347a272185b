"""mmpose's COCO checkpoints of HRNet, SimpleBaseline and residual log-likelihood regression, and RLE's own.

Names and shapes were read in github.com/open-mmlab/mmpose (Apache-2.0), folder `mmpose/models`: `backbones/hrnet.py` at
070110e, `heads/heatmap_heads/heatmap_head.py` at 016ee42, `heads/regression_heads/rle_head.py` at 21873af,
`losses/regression_loss.py` at 041cb80, `utils/realnvp.py` at 0bb6204, `pose_estimators/base.py` at 164eaef (what the
head was called before 1.0); and in github.com/Jeff-sjtu/res-loglikelihood-regression at eb20080 (no licence). No code
is copied. The released files themselves were not at hand.

mmpose regresses coordinates and sigma by one layer, joint by joint (x, y, sigma of x, sigma of y), from features of any
length, in units of the crop from its corner. RLE's own network divides the features by their length before the layer of
the coordinates and counts from the crop's middle, as ours does.
"""

from functools import partial

import torch
from torch import Tensor

from chronopose.models.baselines import RegressionConfig, SimpleBaselineConfig
from chronopose.models.published.rules import UNREAD, Drop, Layout, Take

_URL = "https://github.com/open-mmlab/mmpose (code Apache-2.0)"
_FLOW = "the flow of the training loss"

PREPROCESSOR = Drop(
    pattern=r"data_preprocessor\.(mean|std)", why="ImageNet's mean and deviation, which the backbone has of its own"
)

HEATMAPS = Layout(
    project="mmpose",
    url=_URL,
    sign=r"(?:keypoint_)?head\.final_layer\.weight",
    rules=(
        PREPROCESSOR,
        Drop(pattern=r"backbone\.stage4\.2\.fuse_layers\.[123]\..+", why=UNREAD),
        Take(pattern=r"backbone\.(.+)", target=r"backbone.trunk.\1"),
        Take(pattern=r"(?:keypoint_)?head\.deconv_layers\.(.+)", target=r"enlarge.\1"),
        Take(pattern=r"(?:keypoint_)?head\.final_layer\.(weight|bias)", target=r"maps.\1"),
    ),
)


def _of_each_joint(tensor: Tensor, shape: torch.Size, first: int, shift: float) -> Tensor:
    """Rows `first` and the next of every joint's four."""
    if len(tensor) != 2 * shape[0]:
        return tensor
    return torch.unflatten(tensor, 0, (-1, 4))[:, first : first + 2].flatten(0, 1) + shift


_coordinates = partial(_of_each_joint, first=0, shift=0.0)
_origin = partial(_of_each_joint, first=0, shift=-0.5)
_deviations = partial(_of_each_joint, first=2, shift=0.0)

REGRESSION = Layout(
    project="mmpose",
    url=_URL,
    sign=r"(?:keypoint_)?head\.fc\.weight",
    rules=(
        PREPROCESSOR,
        Take(pattern=r"backbone\.(.+)", target=r"backbone.trunk.\1"),
        Take(pattern=r"(?:keypoint_)?head\.fc\.(weight)", target=r"coordinates.\1", change=_coordinates),
        Take(pattern=r"(?:keypoint_)?head\.fc\.(weight)", target=r"deviation.\1", change=_deviations),
        Take(pattern=r"(?:keypoint_)?head\.fc\.(bias)", target=r"coordinates.\1", change=_origin),
        Take(pattern=r"(?:keypoint_)?head\.fc\.(bias)", target=r"deviation.\1", change=_deviations),
        Drop(pattern=r"(?:keypoint_)?head\.loss(?:_module)?\.flow_model\..+", why=_FLOW),
    ),
    changes={"normalise_features": False},
)

RLE = Layout(
    project="the authors of RLE",
    url="https://github.com/Jeff-sjtu/res-loglikelihood-regression (no licence is stated there)",
    sign=r"fc_sigma\.linear\.weight",
    rules=(
        Take(pattern=r"preact\.(.+)", target=r"backbone.trunk.\1"),
        Take(pattern=r"fc_coord\.linear\.(weight|bias)", target=r"coordinates.\1"),
        Take(pattern=r"fc_sigma\.linear\.(weight|bias)", target=r"deviation.\1"),
        Drop(pattern=r"flow\..+", why=_FLOW),
    ),
)


def maps(_: SimpleBaselineConfig) -> tuple[Layout, ...]:
    """Those of a network that draws maps."""
    return (HEATMAPS,)


def regression(_: RegressionConfig) -> tuple[Layout, ...]:
    """Those of a network that regresses coordinates."""
    return REGRESSION, RLE
