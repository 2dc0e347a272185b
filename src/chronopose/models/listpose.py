"""ListPose: a TokenPose whose joint tokens start, in every frame, from those of the frame before.

Wu, Zhang, Dang, Yin and Tang, "ListPose: Lightweight and Implicit Spatial-Temporal Modeling with TokenPose for
Video-Based Pose Estimation", J. Shanghai Jiaotong Univ. (Sci.) 31(1), 2026, doi:10.1007/s12204-025-2815-7. **A
reimplementation from the abstract**, the only part of the paper that was at hand. It gives the idea: no network of its
own for the first pose, one light frame encoder, TokenPose as the extractor, a "residual token initialization module"
between adjacent frames. Every formula here is inferred; docs/listpose.md keeps the two apart.

The token of joint k in frame t starts as E_k + g (S + MLP(S)), S = LayerNorm of the joint's token after the last layer
for frame t - 1; in a person's first frame as E_k alone, which is TokenPose. Nothing looks ahead, and what is carried
is K D numbers a person, however long the video.

Checked against: counts worked out by hand for all presets, TokenPose with the same weights, and what a state must not
do (tests/models/test_listpose.py); the contract of all models (tests/contracts/test_pose_model.py).

| step | shape | |
|---|---|---|
| pixels | (B, T, 3, H, W) | |
| encode | (B T, 3, H, W) -> (B T, P, D) | frame encoder and patch embedding, all frames at once |
| initialise | (B, K, D), (B,) -> (B, K, D) | carried tokens, and whether there are any -> joint tokens to start from |
| network | (B, K, D), (B, P, D) -> (B, K, h, w), (B, K, D) | maps, and the tokens that are carried on; frame by frame |
"""

import math
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from chronopose.clips.contract import Carried, PoseOutput
from chronopose.clips.heatmap import MapKind, pose_from_maps
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, check_known
from chronopose.layers.backbone import BackboneConfig
from chronopose.layers.tokenpose import Encoder, TokenNetwork, check_network, frame_encoder, start_linear

TokenInit = Literal["residual", "residual_param", "copy", "copy_raw", "learnable"]
"""How a frame's joint tokens start: E + g (S + MLP(S)); E + g S; S; the carried token as it is, which grows without
bound; or E in every frame, which is TokenPose frame by frame."""


@dataclass(frozen=True, kw_only=True)
class ListPoseConfig:
    """Everything that fixes the network; the defaults are ListPose-S.

    Args:
        offsets: frames of a clip, relative to its key frame; all of them are answered.
        token_init: how joint tokens start.
        state_source: what is carried: the joints' own tokens after the last layer ("out"), or the patch tokens
            averaged under the joint's map.
        state_grad: whether the gradient of a frame reaches the frames before it ("bptt") or stops at the state.
        gate_init: where g starts; at 0 the model starts as the model of single frames.
        sigma_scale: multiplies sigma, which maps of kind "log" have; set after training by tools/calibrate_sigma.py.
        encoder, backbone, skeleton, height, width, patch, token_width, depth, stages, heads, mlp_ratio, attn_scale,
        map_stride, maps, margin: as in `TokenPoseConfig`.
    """

    offsets: tuple[int, ...] = (-4, -3, -2, -1, 0)
    token_init: TokenInit = "residual"
    state_source: Literal["out", "heatmap_pooled"] = "out"
    state_grad: Literal["bptt", "detach"] = "bptt"
    gate_init: float = 0.0
    encoder: Encoder = "stem"
    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="hrnet_w32"))
    skeleton: str = "penn-13"
    height: int = 256
    width: int = 256
    patch: tuple[int, int] = (4, 4)
    token_width: int = 192
    depth: int = 12
    stages: int = 1
    heads: int = 8
    mlp_ratio: int = 3
    attn_scale: Literal["head", "dim"] = "dim"
    map_stride: int = 4
    maps: MapKind = "gaussian"
    margin: float = 1.25
    sigma_scale: float = 1.0

    def __post_init__(self) -> None:
        check_known(self.skeleton, "model.skeleton")
        if not math.isfinite(self.gate_init):
            raise InputError(f"model.gate_init must be a finite number, got {self.gate_init}")
        if not 0 < self.sigma_scale < 100:
            raise InputError(f"model.sigma_scale must lie in 0 to 100, got {self.sigma_scale}")
        self.spec()
        check_network(self)

    def spec(self) -> ClipSpec:
        """What the model is shown."""
        return ClipSpec(
            offsets=self.offsets,
            predicts=self.offsets,
            height=self.height,
            width=self.width,
            margin=self.margin,
            recurrent=True,
        )


class ListPose(nn.Module):
    """TokenPose with a state. A feature is a frame's patch tokens (P, D), a state the joints' tokens (K, D)."""

    def __init__(self, config: ListPoseConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = config.spec()
        self.skeleton = SKELETONS[config.skeleton]
        self.backbone = frame_encoder(config)
        self.network = TokenNetwork(config, self.backbone, len(self.skeleton))
        self.initialise = (
            None
            if config.token_init == "learnable"
            else TokenInitialisation(config.token_init, config.token_width, config.gate_init)
        )
        # In training only: how many leading frames of a clip run without gradient, one of these drawn for each batch;
        # and how likely a sample's state is forgotten at one frame of the clip.
        self.warm_up: tuple[int, ...] = (0,)
        self.forget = 0.0

    def fresh(self, batch: int) -> Carried:
        """The state of persons never seen before."""
        learned = self.network.tokens
        tokens = torch.zeros(batch, *learned.shape, device=learned.device, dtype=torch.float32)
        return Carried(tokens, torch.zeros(batch, device=learned.device, dtype=torch.bool))

    def encode(self, pixels: Tensor) -> Float[Tensor, "N P D"]:
        """Patch tokens of single frames (N, 3, H, W), pixels uint8 or float in 0..255."""
        return cast(Tensor, self.network.embedding(self.backbone(pixels)))

    def fuse(
        self,
        features: Float[Tensor, "B T P D"],
        state: Carried | None = None,
        reset: Bool[Tensor, "B T"] | None = None,
    ) -> tuple[PoseOutput, Carried]:
        """The poses in T frames from their patch tokens, and the state after the last.

        Args:
            features: of any number of frames, in the order of time.
            state: after the frame before; None for persons never seen before.
            reset: where true, the person is forgotten before that frame.
        """
        state = self.fresh(features.shape[0]) if state is None else state
        drawn = []
        for frame in range(features.shape[1]):
            valid = state.valid if reset is None else state.valid & ~reset[:, frame]
            maps, tokens = self.network(self._start(state.tokens, valid), features[:, frame])
            drawn.append(maps)
            state = Carried(self._carried(maps, tokens, features[:, frame]), torch.ones_like(valid))
        size = (self.spec.height, self.spec.width)
        return pose_from_maps(torch.stack(drawn, dim=1), size, self.config.maps, self.config.sigma_scale), state

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, T, 3, H, W) -> the poses in all T frames, with the joints' maps."""
        if not self.training:
            return self._answer(pixels)[0]
        reset, warm = self._forgotten(pixels), self._warm_up(pixels.shape[1])
        if warm == 0:
            return self._answer(pixels, reset=reset)[0]
        with torch.no_grad():
            before, state = self._answer(pixels[:, :warm], reset=None if reset is None else reset[:, :warm])
        after, _ = self._answer(pixels[:, warm:], state, None if reset is None else reset[:, warm:])
        return PoseOutput(
            xy_crop=torch.cat([before.xy_crop, after.xy_crop], dim=1),
            score=torch.cat([before.score, after.score], dim=1),
            sigma=_joined(before.sigma, after.sigma),
            heatmaps=_joined(before.heatmaps, after.heatmaps),
        )

    def _answer(
        self, pixels: Tensor, state: Carried | None = None, reset: Tensor | None = None
    ) -> tuple[PoseOutput, Carried]:
        features = torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2])
        return self.fuse(features, state, reset)

    def _start(self, carried: Tensor, valid: Tensor) -> Float[Tensor, "B K D"]:
        """The joint tokens that a frame starts from."""
        learned = self.network.tokens.repeat(carried.shape[0], 1, 1)
        if self.initialise is None:
            return learned
        # Chosen, not blended: norm and MLP of a state of zeros are not zero.
        return torch.where(valid[:, None, None], self.initialise(learned, carried), learned)

    def _carried(self, maps: Tensor, tokens: Tensor, patches: Tensor) -> Float[Tensor, "B K D"]:
        if self.config.state_source == "heatmap_pooled":
            tokens = pooled(maps, patches, self.network.grid, self.config.maps)
        # Float32 under autocast too: what is rounded in every frame would drift over a long video.
        tokens = tokens.float()
        return tokens.detach() if self.config.state_grad == "detach" else tokens

    def _forgotten(self, pixels: Tensor) -> Tensor | None:
        """(B, T) true at one frame, never the first, of the samples that forget."""
        batch, frames = pixels.shape[:2]
        if not self.forget or frames == 1:
            return None
        forgets = torch.rand(batch, 1, device=pixels.device) < self.forget
        place = torch.randint(1, frames, (batch, 1), device=pixels.device)
        return forgets & (torch.arange(frames, device=pixels.device) == place)

    def _warm_up(self, frames: int) -> int:
        if not self.warm_up or not 0 <= min(self.warm_up) <= max(self.warm_up) < frames:
            raise InputError(f"warm_up must be numbers in 0 to {frames - 1} for clips of {frames}, got {self.warm_up}")
        if len(self.warm_up) == 1:
            return self.warm_up[0]
        return self.warm_up[int(torch.randint(len(self.warm_up), ()))]  # drawn on the CPU: no device is waited for


class TokenInitialisation(nn.Module):
    """Residual token initialisation (RTI): learned tokens and carried ones -> those that the next frame starts from.

    "copy_raw" has no parameters: without the norm the carried tokens grow by what each frame adds to them.
    """

    def __init__(self, kind: TokenInit, width: int, gate: float) -> None:
        super().__init__()
        self.norm = nn.Identity() if kind == "copy_raw" else nn.LayerNorm(width)
        self.gate = nn.Parameter(torch.full((width,), gate)) if kind.startswith("residual") else None
        self.change = (
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)) if kind == "residual" else None
        )
        self.apply(start_linear)

    def forward(self, learned: Float[Tensor, "B K D"], carried: Float[Tensor, "B K D"]) -> Float[Tensor, "B K D"]:
        before = cast(Tensor, self.norm(carried))
        if self.gate is None:
            return before
        if self.change is not None:
            before = before + self.change(before)
        return learned + self.gate * before


def pooled(
    maps: Float[Tensor, "B K h w"], patches: Float[Tensor, "B P D"], grid: tuple[int, int], kind: MapKind
) -> Float[Tensor, "B K D"]:
    """The mean of a frame's patch tokens under each joint's map."""
    maps = maps.float()
    weight = maps.clamp_min(0) if kind == "gaussian" else maps.flatten(2).softmax(-1).view(maps.shape)
    weight = nn.functional.adaptive_avg_pool2d(weight, grid).flatten(2)  # (B, K, P)
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    return weight @ patches.float()


def _joined(before: Tensor | None, after: Tensor | None) -> Tensor | None:
    return None if before is None or after is None else torch.cat([before, after], dim=1)
