"""The account of tensors: which rule counts, what is joined, what is split, and every misfit by name."""

import pytest
import torch
from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.models.published.rules import Conversion, Drop, Layout, Take, convert, recognised, reshaped

LAYOUT = Layout(
    project="some project",
    url="https://example.org",
    sign=r"net\.0\.weight",
    rules=(
        Drop(pattern=r"net\.9\..+", why="the ninth"),
        Take(pattern=r"net\.(\d)\.(weight|bias)", target=r"body.\1.\2"),
        Take(pattern=r"two\.b", target="joined", part=1),
        Take(pattern=r"two\.a", target="joined"),
        Take(pattern=r"one", target="first", change=lambda tensor, _: tensor[:1]),
        Take(pattern=r"one", target="rest", change=lambda tensor, _: tensor[1:]),
        Take(pattern=r"wide", target="narrow", change=reshaped),
        Drop(pattern=r"code", why="the code", expected=lambda tensor: bool((tensor == 1).all())),
    ),
)
WANTED = {
    "body.0.weight": torch.zeros(2, 3), "body.0.bias": torch.zeros(2), "joined": torch.zeros(5, 2),
    "first": torch.zeros(1), "rest": torch.zeros(2), "narrow": torch.zeros(1, 2),
}  # fmt: skip
TENSORS = {
    "net.0.weight": torch.rand(2, 3), "net.0.bias": torch.rand(2), "net.9.weight": torch.rand(4),
    "two.b": torch.full((3, 2), 2.0), "two.a": torch.full((2, 2), 1.0), "one": torch.tensor([1.0, 2.0, 3.0]),
    "wide": torch.rand(1, 2, 1, 1), "code": torch.ones(3),
}  # fmt: skip


def account(tensors: dict[str, Tensor]) -> Conversion:
    return convert(tensors, LAYOUT, WANTED, "f.pth")


def test_each_tensor_is_taken_joined_split_or_named() -> None:
    done = account(TENSORS)
    assert done.dropped == {"net.9.weight": "the ninth", "code": "the code"}
    assert done.used == {
        "net.0.weight": "body.0.weight", "net.0.bias": "body.0.bias", "two.a": "joined", "two.b": "joined",
        "one": "first, rest", "wide": "narrow",
    }  # fmt: skip
    assert done.tensors["joined"][:, 0].tolist() == [1, 1, 2, 2, 2]
    assert (done.tensors["first"].tolist(), done.tensors["rest"].tolist()) == ([1], [2, 3])
    assert {name: t.shape for name, t in done.tensors.items()} == {name: t.shape for name, t in WANTED.items()}
    # Each has memory of its own, for a file takes no views.
    memory = [tensor.untyped_storage() for tensor in done.tensors.values()]
    assert len({part.data_ptr() for part in memory}) == len(memory)
    assert all(part.nbytes() == 4 * t.numel() for part, t in zip(memory, done.tensors.values()))


def test_half_precision_comes_back_as_single() -> None:
    done = account({name: tensor.half() for name, tensor in TENSORS.items()})
    assert all(tensor.dtype == torch.float32 for tensor in done.tensors.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stranger": torch.ones(1)}, "unknown stranger$"),
        ({"net.7.weight": torch.ones(1)}, r"unknown net\.7\.weight$"),  # a rule fits, but we have no such tensor
        ({"two.a": None, "two.b": None}, "missing joined$"),
        ({"two.b": None}, r"two\.a is \(2, 2\), wanted \(5, 2\)$"),
        ({"two.b": torch.ones(3, 4)}, r"two\.a \+ two\.b is \(2, 2\) \+ \(3, 4\), wanted \(5, 2\)$"),
        ({"net.0.bias": torch.ones(3)}, r"net\.0\.bias is \(3,\), wanted \(2,\)$"),
        ({"net.0.bias": torch.ones(2, dtype=torch.int8)}, r"net\.0\.bias holds torch\.int8, wanted torch\.float32$"),
        ({"wide": torch.ones(3)}, r"wide is \(3,\), wanted \(1, 2\)$"),
        ({"code": torch.zeros(3)}, "code is not the code$"),
    ],
)
def test_every_misfit_is_named(change: dict[str, Tensor | None], message: str) -> None:
    tensors = {name: tensor for name, tensor in (TENSORS | change).items() if tensor is not None}
    with pytest.raises(InputError, match=r"^f\.pth: not these weights as some project has them: " + message):
        account(tensors)


def test_two_names_for_one_tensor_are_refused() -> None:
    layout = Layout(project="p", url="u", sign="a", rules=(Take(pattern="a|b", target="first"),))
    with pytest.raises(InputError, match="b and a are the same tensor of the model"):
        convert({"a": torch.ones(1), "b": torch.ones(1)}, layout, {"first": torch.zeros(1)}, "f")


def test_five_misfits_are_listed_and_the_rest_are_counted() -> None:
    with pytest.raises(InputError) as error:
        account(TENSORS | {f"x{number}": torch.ones(1) for number in range(9)})
    told = str(error.value)
    assert "unknown x0; unknown x1; unknown x2; unknown x3; unknown x4 and 4 more" in told and "x5" not in told


def test_the_layout_is_told_by_its_sign() -> None:
    other = Layout(project="other", url="u", sign="head", rules=(), needs={"deep": "it is not deep"})
    assert recognised(TENSORS, (other, LAYOUT), "f") is LAYOUT
    assert recognised(["head", "deep"], (other, LAYOUT), "f") is other
    with pytest.raises(InputError, match=r"^f: it is not deep$"):
        recognised(["head"], (other, LAYOUT), "f")
    with pytest.raises(InputError, match=r"not named as in the files of other, some project; the first here are a, b$"):
        recognised(["a", "b"], (other, LAYOUT), "f")
