"""Columns line up, and an unknown figure is a dash."""

from chronopose.metrics.text import aligned, percent


def test_a_share_in_percent() -> None:
    assert [percent(share) for share in (0.0, 0.12345, 1.0, float("nan"))] == ["0.0", "12.3", "100.0", "-"]


def test_the_first_column_is_to_the_left_and_the_others_to_the_right() -> None:
    assert aligned([["name", "a", ""], ["b", "100", "7"]]) == "name    a\nb     100  7"
