"""A test that lacks something is skipped, and fails where that something was promised."""

import pytest

from tests.needs import lacks


def test_what_is_missing_is_skipped_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DARKROOM_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Node here"):
        lacks("node", "no Node here")


def test_what_is_missing_and_was_promised_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_REQUIRE", "browser, node")
    with pytest.raises(pytest.fail.Exception, match=r"no Node here .*says that node is here"):
        lacks("node", "no Node here")
