"""What pages weigh: their templates' indentation is not sent, and nothing that they say is changed."""

from __future__ import annotations

import pytest

from tradedesk.http.indentation import without_indentation


@pytest.mark.parametrize(
    ("page", "sent"),
    [
        (b"<ul>\n    <li>\n        one\n    </li>\n</ul>", b"<ul>\n<li>\none\n</li>\n</ul>"),
        (b"<b>bid</b> <b>ask</b>  and\n  more", b"<b>bid</b> <b>ask</b>  and\n  more"),
        (b"<p>\n  <pre>\n  {\n    1}\n</pre>\n  </p>", b"<p>\n<pre>\n  {\n    1}\n</pre>\n</p>"),
        (b"<textarea rows=2>\n  a\n\n  b</textarea>", b"<textarea rows=2>\n  a\n\n  b</textarea>"),
        (b'<input value="one\n  two">\n  <i>x</i>', b'<input value="one\n  two">\n<i>x</i>'),
    ],
)
def test_lines_begin_with_their_first_sign_and_what_is_said_stays(page: bytes, sent: bytes) -> None:
    assert without_indentation(page) == sent
