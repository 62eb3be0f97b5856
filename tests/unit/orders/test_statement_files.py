"""A file that is no statement is refused in words, whatever it is, and never read as a whole to find out."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest

from orders.reconciliation.statements.files import NoStatement, read

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>"""
HUGE = b'<FlexQueryResponse queryName="' + b"x" * 30_000_000 + b'"/>'


def refusal(data: bytes) -> str:
    with pytest.raises(NoStatement) as refused:
        list(read(io.BytesIO(data)))
    return str(refused.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (gzip.compress(b"<a/>", mtime=0), "compressed"),
        (b"PK\x03\x04...", "compressed"),
        (b"<html><body>Sign in</body></html>", "begins with html"),
        (b"not xml at all", "no whole XML"),
        (b"<FlexQueryResponse><FlexStatements>", "no whole XML"),
        (b"<FlexStatementResponse><Status>Fail</Status></FlexStatementResponse>", "web service"),
        (b"<FlexQueryResponse><x/></FlexQueryResponse>", "not FlexStatements"),
        (LAUGHS, "document type"),
        (b"<!DOCTYPE FlexQueryResponse><FlexQueryResponse/>", "document type"),
        (b'<?xml version="1.0" encoding="utf-77"?><a/>', "cannot be read"),
        (b'<?xml version="1.0" encoding="utf-8"?><a b="\xff\xfe\xff"/>', "no whole XML"),
        (b'<?xml version="1.0" encoding="shift_jis"?><a/>', "cannot be read"),
        (b"\0\0\0\0\0", "no whole XML"),
        (b"<FlexQueryResponse><FlexStatements><FlexStatement>" + b"<a>" * 50, "nested deeper"),
        (HUGE, "larger than"),
        (b"<FlexQueryResponse>" + b" " * 3_000_000, "larger than"),
        (b"<FlexQueryResponse><!--" + b"x" * 3_000_000 + b"--></FlexQueryResponse>", "larger than"),
    ],
)
def test_what_is_no_statement_is_refused_in_words(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_one_huge_value_is_refused_before_it_is_in_memory() -> None:
    source = io.BytesIO(HUGE)
    tracemalloc.start()
    with pytest.raises(NoStatement):
        list(read(source))
    assert source.tell() < 3_000_000
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_bound_on_one_element_is_no_bound_on_the_file() -> None:
    row = b'<Trade accountId="U1" note="' + b"x" * 900 + b'"/>'
    data = (
        b'<FlexQueryResponse type="AF"><FlexStatements><FlexStatement accountId="U1"><Trades>'
        + row * 5_000
        + b"</Trades></FlexStatement></FlexStatements></FlexQueryResponse>"
    )
    assert len(list(read(io.BytesIO(data)))) == 5_002
