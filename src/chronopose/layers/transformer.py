"""The pre-norm transformer block of Vaswani et al. (2017) as ViT has it: attention, then a feed-forward network."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Multi-head self-attention over axis N."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "B N D"], mask: Tensor | None = None) -> Float[Tensor, "B N D"]:
        query, key, value = (
            self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )  # (3, B, h, N, d)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x), each branch dropped per sample with `drop_path`."""

    def __init__(self, width: int, heads: int, hidden: int, drop_path: float = 0.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = drop_path

    def forward(self, tokens: Float[Tensor, "B N D"], mask: Tensor | None = None) -> Float[Tensor, "B N D"]:
        tokens = tokens + self._drop(self.attention(self.norm1(tokens), mask))
        return tokens + self._drop(self.feed_forward(self.norm2(tokens)))

    def _drop(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        kept = torch.empty(branch.shape[0], 1, 1, device=branch.device, dtype=branch.dtype).bernoulli_(keep)
        return branch * kept / keep


class Transformer(nn.Module):
    """A stack of blocks with a final norm; the drop-path rate rises linearly from 0 to `drop_path`."""

    def __init__(self, width: int, depth: int, heads: int, hidden: int, drop_path: float = 0.0) -> None:
        super().__init__()
        rates = [drop_path * index / max(depth - 1, 1) for index in range(depth)]
        self.blocks = nn.ModuleList(Block(width, heads, hidden, rate) for rate in rates)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: Float[Tensor, "B N D"], mask: Tensor | None = None) -> Float[Tensor, "B N D"]:
        for block in self.blocks:
            tokens = block(tokens, mask)
        normal: Tensor = self.norm(tokens)
        return normal
