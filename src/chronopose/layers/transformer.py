"""The pre-norm transformer block of Vaswani et al. (2017) as ViT has it: attention, then a feed-forward network."""

from typing import cast

import torch
from jaxtyping import Bool, Float
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

    def forward(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        query, key, value = (
            self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )  # (3, B, h, N, d)
        mixed = scaled_dot_product_attention(query, key, value)
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

    def forward(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        tokens = tokens + self._drop(self.attention(self.norm1(tokens)))
        return tokens + self._drop(self.feed_forward(self.norm2(tokens)))

    def _drop(self, branch: Tensor, samples: int = 0) -> Tensor:
        """A branch, kept or not for each place along axis `samples`."""
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        shape = [size if axis == samples else 1 for axis, size in enumerate(branch.shape)]
        kept = torch.empty(shape, device=branch.device, dtype=branch.dtype).bernoulli_(keep)
        return branch * kept / keep


class Transformer(nn.Module):
    """A stack of blocks over many short sequences, with a final norm; the drop-path rate rises linearly to `drop_path`.

    Places come first, (N, B, D), as in torch's own transformers.

    Args:
        width: D.
        depth: blocks.
        heads: attention heads.
        hidden: width of the feed-forward networks.
        drop_path: rate of the last block; the first one's is 0.
        answer: the only place that is asked for; the last block then computes no other. None: all.
    """

    def __init__(
        self, width: int, depth: int, heads: int, hidden: int, drop_path: float = 0.0, *, answer: int | None = None
    ) -> None:
        super().__init__()
        rates = [drop_path * index / max(depth - 1, 1) for index in range(depth)]
        self.blocks = nn.ModuleList(SequenceBlock(width, heads, hidden, rate) for rate in rates)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.answer = answer

    def forward(self, tokens: Float[Tensor, "N B D"], seen: Bool[Tensor, "N B"] | None = None) -> Tensor:
        """(N, B, D) -> (N, B, D), or (1, B, D) with an `answer`. Places that are not `seen` are attended by none."""
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, seen, self.answer if index == last else None)
        return cast(Tensor, self.norm(tokens))


class SequenceBlock(Block):
    """A block over sequences whose places come first."""

    def __init__(self, width: int, heads: int, hidden: int, drop_path: float = 0.0, eps: float = 1e-6) -> None:
        super().__init__(width, heads, hidden, drop_path, eps)
        self.attention: Attention = SequenceAttention(width, heads)

    def forward(
        self, tokens: Float[Tensor, "N B D"], seen: Bool[Tensor, "N B"] | None = None, answer: int | None = None
    ) -> Float[Tensor, "M B D"]:
        mixed = self.attention(self.norm1(tokens), seen, answer)
        tokens = (tokens if answer is None else tokens[answer : answer + 1]) + self._drop(mixed, samples=1)
        return tokens + self._drop(_by_rows(self.feed_forward, self.norm2(tokens)), samples=1)


class SequenceAttention(Attention):
    """Multi-head self-attention over the first axis.

    On a CPU heads of four numbers over five places make matrix products of which each costs more to call than to
    compute. Short sequences are therefore multiplied place by place, all of them and all heads at once, and summed over
    each head's numbers by one product with ones and zeros (benchmarks/small_graphs.md).
    """

    SHORT = 8

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        each = width // heads
        heads_of = torch.eye(heads).repeat_interleave(each, dim=1)  # (h, D): whose number it is
        self.register_buffer("spread", heads_of, persistent=False)
        self.register_buffer("gather", heads_of.T * each**-0.5, persistent=False)

    def forward(
        self, tokens: Float[Tensor, "N B D"], seen: Bool[Tensor, "N B"] | None = None, answer: int | None = None
    ) -> Float[Tensor, "M B D"]:
        """(N, B, D) -> (N, B, D), or (1, B, D) where one place alone is asked for."""
        query, key, value = _by_rows(self.qkv, tokens).chunk(3, dim=-1)
        if answer is not None:
            query = query[answer : answer + 1]
        short = tokens.device.type == "cpu" and len(tokens) <= self.SHORT
        mixed = (self._place_by_place if short else self._at_once)(query, key, value, seen)
        return _by_rows(self.out, mixed)

    def _place_by_place(self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
        scores = (query[:, None] * key) @ cast(Tensor, self.gather)  # (M, N, B, h)
        if seen is not None:
            scores = scores.masked_fill(~seen[..., None], float("-inf"))
        weights = (scores - scores.amax(dim=1, keepdim=True)).exp()
        weights = weights / weights.sum(dim=1, keepdim=True)
        return (weights @ cast(Tensor, self.spread) * value).sum(dim=1)

    def _at_once(self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
        query, key, value = (
            torch.unflatten(part, -1, (self.heads, -1)).permute(1, 2, 0, 3) for part in (query, key, value)
        )  # (B, h, N, d)
        mask = None if seen is None else seen.T[:, None, None]  # (B, 1, 1, N)
        return scaled_dot_product_attention(query, key, value, attn_mask=mask).permute(2, 0, 1, 3).flatten(2)


def _by_rows(layer: nn.Module, tokens: Float[Tensor, "N B D"]) -> Float[Tensor, "N B E"]:
    """A layer on a table of rows: onnxruntime adds its bias inside the product then."""
    return torch.unflatten(layer(tokens.flatten(0, 1)), 0, (len(tokens), -1))
