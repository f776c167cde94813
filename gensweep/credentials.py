"""Passwords kept out of what is printed and stored: every text that holds an address, or an error that may, goes through here.

A text is judged with a bias: of an address that can be read in two ways the one with the password counts, and a host name
may be lost with it.
"""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

# me:password@host without a scheme too, as an address is mistyped
_BARE = r"(?<![\w/@:.])[\w.%+-]+:\S*@(?=[\w\[])"
_ADDRESS = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*://\S+|{_BARE}")
_PLAIN = re.compile(r"(?:[\w.~-]+|\[[0-9A-Fa-f:.]+\])?(?::\d{1,5})?/[^@]*")  # host, port and path of an address
_NAMED = re.compile(r"(?<=[?&#])([^=&?#]*)=([^&]*)")
_SECRET = re.compile(r"pass|pwd|secret|token|key|cred|auth|sig|jwt|odbc_connect", re.IGNORECASE)
_SETTING = re.compile(
    r"""((?<![\w-])[\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key)['"]?\s*[=:]\s*)('[^']+'|"[^"]+"|(?<=[=])[^\s&;,'")}\]]+)""",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)\s+)[^\s'\",]+", re.IGNORECASE)
_NO_USERS = ("sqlite", "file")  # what follows their // is a path
_SHORTEST = 4  # a password of fewer characters is in too many words to be looked for


def redacted(text: str, *addresses: str | None) -> str:
    """The text without users and passwords in its addresses: fit for messages, files and tags.

    `addresses` are those that the text may speak of: what is secret in them is taken out however a library spells it.
    """
    for address in filter(None, addresses):
        text = text.replace(address, _parted(address)[0])
    for secret in sorted({s for a in filter(None, addresses) for s in _parted(a)[1]}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _ADDRESS.sub(lambda found: _parted(found[0])[0], text)
    return _HEADER.sub(r"\1***", _SETTING.sub(r"\1***", text))


def _parted(address: str) -> tuple[str, set[str]]:
    """An address without its credentials, and what they are in every spelling."""
    before, mark, rest = address.partition("://")
    if not mark:
        user, _, host = address.rpartition("@") if ":" in address else ("", "", address)
        return host, _spellings(user.partition(":")[2])
    user, secrets = "", set[str]()
    if not before.rpartition("=")[2].startswith(_NO_USERS):
        user, rest = _user(rest)
        secrets |= _spellings(user.partition(":")[2] or user)
    for name, value in _NAMED.findall(rest):
        if _SECRET.search(unquote(name)):
            secrets |= _spellings(value)
    rest = _NAMED.sub(lambda m: f"{m[1]}=" if _SECRET.search(unquote(m[1])) else m[0], rest)
    return f"{before}://{rest}", secrets


def _user(rest: str) -> tuple[str, str]:
    """What stands before the host, and what from it on. A password may hold any character, and a query an @."""
    if _PLAIN.fullmatch(rest.partition("?")[0]):
        return "", rest
    user, _, host = rest.rpartition("@")
    return user, host


def _spellings(secret: str) -> set[str]:
    plain = unquote(secret)
    found = {secret, plain, unquote_plus(secret), quote(plain), quote(plain, safe=""), quote_plus(plain)}
    return {one for one in found if len(one) >= _SHORTEST}
