"""What people send us by mail and as tables, read without trusting a byte of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.tips.observable import TipError, observable
from cases.tips.read import read_tip

MAIL = (
    """Hi, we saw this on Tuesday: accounts acct-1-0 and "acct-1-1" (same card)
from 198.51[.]100[.]7 and 2001:db8::1, network 203.0.113.0/24, AS64500.
Contact was mallory[at]kite.example; template <"""
    + ("ab" * 32)
    + """>.
"""
)


def values(read) -> set:
    return {(one.kind, one.value) for one in read.observables}


def test_a_mail_gives_its_addresses_hashes_domains_and_words():
    read = read_tip("text", MAIL)
    assert values(read) == {
        ("ip", "198.51.100.7"), ("ip", "2001:db8::1"), ("ip_prefix", "203.0.113.0/24"),
        ("asn", "64500"), ("email_domain", "kite.example"), ("template_hash", "ab" * 32),
    }  # fmt: skip
    assert {"acct-1-0", "acct-1-1"} <= set(read.words)


def test_a_table_with_a_head_names_each_bad_line():
    read = read_tip(
        "csv",
        "kind,note,value\nip,x,198.51.100.7\nIP-Prefix,,203.0.113.9/24\nnonsense,,1\nip,,300.1.1.1\n"
        "payment,,\nip\naccount,,acct-1-0\n",
    )
    assert values(read) == {
        ("ip", "198.51.100.7"), ("ip_prefix", "203.0.113.0/24"), ("account", "acct-1-0")
    }  # fmt: skip
    assert [problem.partition(":")[0] for problem in read.problems] == [
        "line 4", "line 5", "line 6", "line 7"
    ]  # fmt: skip


def test_a_single_column_needs_no_head():
    read = read_tip("csv", "198.51.100.7\nacct-1-0\n\n" + "ab" * 32)
    assert values(read) == {("ip", "198.51.100.7"), ("template_hash", "ab" * 32)}
    assert read.words == ["acct-1-0"]


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("csv", "", "empty"),
        ("csv", "a,b\n1,2", "must name the columns kind and value"),
        ("text", "a\0b", "NUL"),
        ("text", "x" * 1_000_001, "longer than 1,000,000"),
        ("text", "\n".join(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(5001)),
         "5,001 values: at most 5,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(form, text, words):
    with pytest.raises(TipError, match=words):
        read_tip(form, text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("ip", "1.2.3"), ("asn", "AS"), ("template_hash", "zz"), ("email_domain", "x@-"),
     ("payment", "x" * 501), ("colour", "red"), ("account", " ")],
)  # fmt: skip
def test_a_value_that_is_not_of_its_kind_is_refused(kind, value):
    with pytest.raises(TipError):
        observable(kind, value)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["text", "csv", "misp"]), st.text(max_size=300))
def test_no_text_breaks_the_reader(form, text):
    try:
        read_tip(form, text)
    except TipError as error:
        assert str(error)
