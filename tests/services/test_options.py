"""A vendor's parameters: drawn for a form, and checked field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.services.errors import BadWish
from bot.services.options import FieldKind, checked, fields
from tests.fake_facts import FakeOptions, FakeStyle


def test_fields_are_drawn_with_kind_range_choices_and_default() -> None:
    drawn = {one.name: one for one in fields(FakeOptions)}
    epochs, tokens, cached, rate = (drawn[name] for name in ("epochs", "tokens", "cached", "rate"))
    assert (epochs.title, epochs.kind, epochs.least, epochs.most) == ("Epochs", FieldKind.INTEGER, 1, 50)
    assert (epochs.default, epochs.required, epochs.upfront) == (None, False, False)
    assert epochs.description == "How often each photo is seen."
    assert (tokens.kind, tokens.choices, tokens.default) == (FieldKind.CHOICE, (0, 150, 225), 225)
    assert (cached.kind, cached.default) == (FieldKind.YES_NO, True)
    assert (rate.kind, rate.most) == (FieldKind.NUMBER, 0.0001)


def test_what_everybody_should_see_comes_first() -> None:
    assert [(one.name, one.upfront) for one in fields(FakeStyle)] == [("style", True), ("retouch", False)]


def test_a_vendor_without_parameters_has_no_fields_and_takes_none() -> None:
    assert fields(None) == ()
    assert checked(None, {}, prefix="option") == {}
    with pytest.raises(BadWish) as refused:
        checked(None, {"epochs": 3}, prefix="option")
    assert (refused.value.field, refused.value.rule) == ("option.epochs", "unknown")


def test_what_a_form_gives_back_as_text_is_read_as_the_field_wants_it() -> None:
    typed = {"epochs": "7", "rate": "0.00005", "tokens": "150", "cached": "false", "shifted": "true"}
    assert checked(FakeOptions, typed, prefix="option") == {
        "epochs": 7,
        "rate": "0.00005",
        "tokens": 150,
        "cached": False,
        "shifted": True,
    }


def test_an_empty_field_is_left_to_the_vendor() -> None:
    assert checked(FakeOptions, {"epochs": "", "rate": None, "tokens": "0"}, prefix="option") == {"tokens": 0}


def test_what_was_checked_can_be_read_by_the_vendor_again() -> None:
    chosen = checked(FakeOptions, {"rate": Decimal("0.00007"), "tokens": 225}, prefix="option")
    assert FakeOptions.model_validate(chosen).rate == Decimal("0.00007")


@pytest.mark.parametrize(
    ("typed", "field", "rule", "limit"),
    [
        ({"epochs": "51"}, "option.epochs", "less_than_equal", 50),
        ({"epochs": "0"}, "option.epochs", "greater_than_equal", 1),
        ({"epochs": "many"}, "option.epochs", "int_parsing", 0),
        ({"tokens": "7"}, "option.tokens", "literal_error", 0),
        ({"dreams": "1"}, "option.dreams", "extra_forbidden", 0),
        ({"shifted": "true"}, "option.shifted", "value_error", 0),
    ],
)
def test_a_wrong_value_is_told_by_its_field_with_the_rule_it_breaks(
    typed: dict[str, Any], field: str, rule: str, limit: float
) -> None:
    with pytest.raises(BadWish) as refused:
        checked(FakeOptions, typed, prefix="option")
    assert (refused.value.field, refused.value.rule, refused.value.limit) == (field, rule, limit)
    assert refused.value.words


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(BadWish) as refused:
        checked(FakeOptions, {"epochs": "99", "tokens": "x", "rate": "1"}, prefix="making")
    assert {one.field for one in refused.value.all} == {"making.epochs", "making.tokens", "making.rate"}


def test_the_vendor_s_own_sentence_is_kept_and_what_was_typed_is_not() -> None:
    with pytest.raises(BadWish) as refused:
        checked(FakeOptions, {"shifted": "true", "epochs": "a secret"}, prefix="option")
    words = [one.words for one in refused.value.all]
    assert "Cached pictures cannot have their colours shifted." in words
    assert not any("a secret" in one for one in words)
