"""What a URL can hold: account ids are strangers' text of any shape."""

import base64
import binascii
import re

# These go into a path as they are. Anything else could be another path: a slash, "..", a newline,
# or a "~" that would be read as the coded form below.
AS_IT_IS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]*")


class AccountId:
    """acct_9c41 as it is; every other id as "~" and base64url of its UTF-8 bytes.

    One segment without a dot segment, so no browser or proxy can normalise it into another page.
    """

    regex = "[^/]+"

    def to_python(self, text: str) -> str:
        if text.startswith("~"):
            try:
                coded = text[1:].encode("ascii")
                padded = coded + b"=" * (-len(coded) % 4)
                text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
            except (UnicodeError, binascii.Error):
                raise ValueError("not a coded account id") from None
        if "\0" in text:
            raise ValueError("no account id holds a null byte: the database refuses it")
        return text

    def to_url(self, external_id: str) -> str:
        if AS_IT_IS.fullmatch(external_id):
            return external_id
        return "~" + base64.urlsafe_b64encode(external_id.encode()).decode().rstrip("=")


class MemberId(AccountId):
    """An account's id beside pages of the members table: an account of such a page's name is coded,
    so that each has an address."""

    PAGES = frozenset({"judge"})

    def to_url(self, external_id: str) -> str:
        if external_id in self.PAGES:
            return "~" + base64.urlsafe_b64encode(external_id.encode()).decode().rstrip("=")
        return super().to_url(external_id)
