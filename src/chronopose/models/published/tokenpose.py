"""TokenPose's checkpoints, as its authors' training program saves them.

Names and shapes were read in github.com/leeyegy/TokenPose at 2e554fc (`lib/models/tokenpose_base.py`,
`pose_tokenpose_t.py`, `_s.py`, `_b.py`, `_l.py`) and 0299eef (the settings); HRNet's part, which that copy lacks, in
github.com/Alingo2/SIMMKD at 3ef9afc (`lib/models/hr_base.py`). The repository has no licence: facts were taken, no
code. No released file was at hand.

The code of place is a tensor of the file that is never learned. Ours is computed, so the file's is compared with it and
left out; a file with a learned one is refused.
"""

from functools import partial

import torch
from torch import Tensor

from chronopose.layers.tokenpose import sine_code
from chronopose.models.published.rules import UNREAD, Drop, Layout, Take, reshaped
from chronopose.models.tokenpose import TokenPoseConfig

_LAYERS = {
    r"0\.fn\.norm\.(weight|bias)": r"norm1.\1",
    r"0\.fn\.fn\.to_qkv\.(weight)": r"qkv.\1",
    r"0\.fn\.fn\.to_out\.0\.(weight|bias)": r"out.\1",
    r"1\.fn\.norm\.(weight|bias)": r"norm2.\1",
    r"1\.fn\.fn\.net\.0\.(weight|bias)": r"feed_forward.0.\1",
    r"1\.fn\.fn\.net\.3\.(weight|bias)": r"feed_forward.2.\1",
}


def layouts(config: TokenPoseConfig) -> tuple[Layout, ...]:
    """That of S where the frame encoder is HRNet's stem, else that of T, B and L, whose encoder stands apart."""
    stem = config.encoder == "stem"
    inside = "features" if stem else "transformer"
    each = config.depth // config.stages
    stride = 1 if config.encoder == "raw" else 4
    rows, columns = config.height // stride // config.patch[0], config.width // stride // config.patch[1]
    return (
        Layout(
            project="the authors of TokenPose",
            url="https://github.com/leeyegy/TokenPose (no licence is stated there)",
            sign=rf"{inside}\.keypoint_token",
            rules=(
                Take(pattern=rf"{inside}\.keypoint_token", target="network.tokens", change=reshaped),
                Drop(
                    pattern=rf"{inside}\.pos_embedding",
                    why="the sine code of place, which is computed",
                    expected=partial(_is_sine_code, rows=rows, columns=columns, width=config.token_width),
                ),
                Take(pattern=rf"{inside}\.patch_to_embedding\.(.+)", target=r"network.embedding.linear.\1"),
                *(
                    Take(
                        pattern=rf"{inside}\.transformer{number}\.layers\.{layer}\.{theirs}",
                        target=f"network.transformer.blocks.{stage * each + layer}.{ours}",
                    )
                    for stage, number in enumerate(["1", "2", "3"] if config.stages == 3 else [""])
                    for layer in range(each)
                    for theirs, ours in _LAYERS.items()
                ),
                Take(pattern=rf"{inside}\.mlp_head\.(.+)", target=r"network.head.layers.\1"),
                Take(pattern=r"features\.((?:conv|bn)[12]|layer1)\.(.+)", target=r"backbone.trunk.\1.\2"),
                Drop(pattern=r"pre_feature\.stage3\.3\.fuse_layers\.[12]\..+", why=UNREAD),
                Take(pattern=r"pre_feature\.(.+)", target=r"backbone.trunk.\1"),
            ),
        ),
    )


def _is_sine_code(tensor: Tensor, rows: int, columns: int, width: int) -> bool:
    code = sine_code(rows, columns, width)[None]
    return tensor.shape == code.shape and torch.allclose(tensor.float(), code, rtol=0, atol=1e-3)
