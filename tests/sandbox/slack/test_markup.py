"""Text on its way: what is typed, what is stored, and what means something in between."""

import pytest

from bot.sandbox.slack.markup import escaped, rich_text_of, stored, typed, unescaped

USERS = {"ana": "U1", "lee.o": "U2"}
CHANNELS = {"general": "C1"}

TYPED = [
    ("hello @ana", "hello <@U1>"),
    ("@lee.o, look", "<@U2>, look"),
    ("mail ana@general.test", "mail ana@general.test"),
    ("@nobody", "@nobody"),
    ("in #general", "in <#C1|>"),
    ("#nowhere", "#nowhere"),
    ("R&D <b>", "R&amp;D &lt;b&gt;"),
    ("see https://x.test/a?b=1&c=2.", "see <https://x.test/a?b=1&amp;c=2>."),
    ("https://x.test/#general", "<https://x.test/#general>"),
    ("@channel lunch", "<!channel> lunch"),
    # Typed by hand it is only words; picked from the list it is a mention.
    ("<!channel>", "&lt;!channel&gt;"),
    ("<@U1> you", "<@U1> you"),
    # A client has escaped it already.
    ("R&amp;D &lt;b&gt;", "R&amp;D &lt;b&gt;"),
]


@pytest.mark.parametrize(("text", "kept"), TYPED)
def test_what_a_person_types_is_stored_as_slack_stores_it(text: str, kept: str) -> None:
    assert typed(text, USERS, CHANNELS) == kept


def test_a_command_that_asks_for_it_gets_mentions_with_names() -> None:
    assert typed("@ana #general", USERS, CHANNELS, labelled=True) == "<@U1|ana> <#C1|general>"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a & b", "a &amp; b"),
        ("a &amp; b", "a &amp; b"),
        ("1 < 2 > 0", "1 &lt; 2 &gt; 0"),
        ("<@U1> <#C1|general> <!here>", "<@U1> <#C1|general> <!here>"),
        ("<https://x.test|there> & back", "<https://x.test|there> &amp; back"),
        ("<!date^1392734382^{time}|noon>", "<!date^1392734382^{time}|noon>"),
        ("<script>", "&lt;script&gt;"),
    ],
)
def test_what_an_app_sends_keeps_its_meaning_and_loses_its_loose_marks(text: str, kept: str) -> None:
    assert stored(text) == kept
    assert stored(kept) == kept


def test_entities_read_back_are_what_was_written() -> None:
    assert unescaped(escaped("a &lt; <b> & c")) == "a &lt; <b> & c"


def test_the_composers_rich_text_has_a_part_for_each_thing() -> None:
    made = rich_text_of("hi <@U1> & <#C1|> <!here> <https://x.test/a?b&amp;c|there> R&amp;D")
    [section] = made["elements"]
    assert section["elements"] == [
        {"type": "text", "text": "hi "},
        {"type": "user", "user_id": "U1"},
        {"type": "text", "text": " & "},
        {"type": "channel", "channel_id": "C1"},
        {"type": "text", "text": " "},
        {"type": "broadcast", "range": "here"},
        {"type": "text", "text": " "},
        {"type": "link", "url": "https://x.test/a?b&c", "text": "there"},
        {"type": "text", "text": " R&D"},
    ]
