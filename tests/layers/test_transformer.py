"""The transformer block: what a mask hides, what order means, and how branches are dropped."""

import pytest
import torch
from torch import nn

from chronopose.layers.transformer import Attention, Block, SequenceAttention, Transformer


def test_attention_equals_torchs_own_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(16, 4), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.in_proj_bias.copy_(ours.qkv.bias)
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    tokens = torch.randn(3, 5, 16)
    torch.testing.assert_close(ours(tokens), theirs(tokens, tokens, tokens)[0])


def test_attention_over_sequences_is_the_same_with_places_first() -> None:
    torch.manual_seed(0)
    plain, sequence = Attention(16, 4), SequenceAttention(16, 4)
    sequence.load_state_dict(plain.state_dict())
    for places in (1, 5, SequenceAttention.SHORT, SequenceAttention.SHORT + 1):
        tokens = 3 * torch.randn(places, 6, 16)
        wanted = plain(tokens.transpose(0, 1)).transpose(0, 1)
        torch.testing.assert_close(sequence(tokens), wanted)
        torch.testing.assert_close(sequence(tokens, answer=places - 1), wanted[-1:])


@pytest.mark.parametrize("sign", [-1, 1])
def test_scores_beyond_what_an_exponential_holds_are_no_trouble(sign: int) -> None:
    torch.manual_seed(0)
    plain, sequence = Attention(16, 4), SequenceAttention(16, 4)
    sequence.load_state_dict(plain.state_dict())
    tokens = sign * 100 * torch.randn(5, 6, 16)
    torch.testing.assert_close(sequence(tokens), plain(tokens.transpose(0, 1)).transpose(0, 1))


@pytest.mark.parametrize("places", [5, SequenceAttention.SHORT + 1])
def test_a_masked_token_is_never_looked_at(places: int) -> None:
    torch.manual_seed(0)
    network, tokens = Transformer(16, 2, 4, 32).eval(), torch.randn(places, 2, 16)
    seen = torch.ones(places, 2, dtype=torch.bool)
    seen[4, 0] = False  # in the first sequence alone
    other = tokens.clone()
    other[4] = 100.0
    rest = [place for place in range(places) if place != 4]
    before, after = network(tokens, seen)[rest], network(other, seen)[rest]
    torch.testing.assert_close(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_a_place_asked_for_alone_is_answered_as_among_the_others() -> None:
    torch.manual_seed(0)
    whole, tokens = Transformer(16, 3, 4, 32).eval(), torch.randn(5, 6, 16)
    for answer in (0, 2, 4):
        alone = Transformer(16, 3, 4, 32, answer=answer).eval()
        alone.load_state_dict(whole.state_dict())
        torch.testing.assert_close(alone(tokens), whole(tokens)[answer : answer + 1])


def test_without_position_codes_the_order_of_tokens_changes_nothing_but_the_order() -> None:
    torch.manual_seed(0)
    network, tokens, order = Transformer(16, 2, 4, 32).eval(), torch.randn(5, 2, 16), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(network(tokens[order]), network(tokens)[order])


def test_width_must_be_a_multiple_of_the_heads() -> None:
    with pytest.raises(ValueError, match="multiple of heads, got 10 and 4"):
        Attention(10, 4)


def test_a_dropped_branch_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = Block(8, 2, 16, drop_path=0.5).train()
    branch = torch.ones(4000, 3, 8)
    dropped = block._drop(branch)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert (dropped == dropped[:, :1, :1]).all()
    assert dropped.mean().item() == pytest.approx(1, abs=0.1)
    along = block._drop(branch.transpose(0, 1), samples=1)
    assert set(along.unique().tolist()) == {0.0, 2.0}
    assert (along == along[:1, :, :1]).all()


def test_nothing_is_dropped_outside_training_and_the_rate_rises_to_the_last_block() -> None:
    torch.manual_seed(0)
    network, tokens = Transformer(8, 4, 2, 16, drop_path=0.3), torch.randn(3, 6, 8)
    assert [block.drop_path for block in network.blocks] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert not torch.equal(network.train()(tokens), network(tokens))
    torch.testing.assert_close(network.eval()(tokens), network(tokens), rtol=0, atol=0)
    assert [block.drop_path for block in Transformer(8, 1, 2, 16, drop_path=0.3).blocks] == [0]


def test_the_parameter_count_is_that_of_four_blocks_of_dsta() -> None:
    # qkv 3 * 32 * 33, out 32 * 33, two norms of 64, feed-forward 32 * 64 + 64 + 64 * 32 + 32; a last norm of 64.
    assert sum(p.numel() for p in Transformer(32, 4, 8, 64).parameters()) == 4 * (3168 + 1056 + 128 + 4192) + 64
