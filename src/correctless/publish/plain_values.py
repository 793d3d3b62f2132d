"""Values that a scan for secrets guesses to be secret by a name or by randomness, and that are none by their form."""

from __future__ import annotations

import re

_DIGITS = frozenset((32, 40, 48, 56, 64, 96, 128))  # hex digits of MD5, SHA-1, Tiger, SHA-2 and SHA-3
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+\Z")
_NAMED_HASH = re.compile(r"(?:md5|sha-?\d{1,3}|blake\w{1,3})[-:=$]", re.IGNORECASE)
_ABOUT_HASHES = re.compile(
    r"sha-?(?:1|2|3|224|256|384|512)|md5|blake|crc|digest|checksum|hash|integrity|fingerprint|commit|revision|etag"
    r"|vector|cipher_?text|plain_?text|nonce|\biv\b|uuid|guid",
    re.IGNORECASE,
)
# Names of keys: what one of them says is one, whatever form it has.
_ABOUT_KEYS = re.compile(
    r"token|secret|passw|passphrase|pwd|credential|auth|private|salt|api[-_]?key|access[-_]?key",
    re.IGNORECASE,
)
# Folders and names of test data: there a random text is far more often a vector than a key.
_TEST_DATA = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec|specs|testdata|test[-_]data|fixtures?|vectors?|snapshots?|__snapshots__|cassettes|goldens?)/"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[._-](?:test|tests|spec|vectors?)\.[^/]*|[^/]*vectors?\.[^/]*)\Z",
    re.IGNORECASE,
)
# What a reader puts in: the words of examples, alone or in a row (`your-api-key-here`), and fillers (`xxxx`, `****`).
_EXAMPLE = (
    "a|an|the|my|your|our|some|any|this|that|here|there|with|it|me|in|us|to|be|of|is|not|no|and|or|new|old|real|fake|mock|dummy|sample"
    "|example|examples|demo|test|tests|testing|placeholder|change|changed|changeme|changeit|replace|replaced|insert|enter|put|set|fill|add"
    "|value|values|string|text|word|key|keys|api|app|auth|access|db|database|user|username|client|service|account|login"
    "|admin|root|guest|default|none|null|nil|undefined|true|false|empty|todo|tbd|fixme|redacted|hidden|removed|masked|secret|secrets"
    "|token|tokens|pass|passwd|password|passwords|passphrase|pwd|credential|credentials|foo|bar|baz|qux|abc|xyz|invalid|wrong|bad|local"
)
_PLACEHOLDER = re.compile(
    rf"[<\[({{]*(?:(?:{_EXAMPLE})(?:[\s_.\-]*(?:{_EXAMPLE}))*[\s_.\-]*!?|([x*.#?_0\-])\1{{2,}})[>\])}}]*\Z",
    re.IGNORECASE,
)
_LONGEST = 80  # characters of a placeholder: the pattern takes longer on more


def is_placeholder(value: str) -> bool:
    """Return whether a value only says that a secret belongs here, such as `changeme` or `<your-api-key>`."""
    return len(value) <= _LONGEST and _PLACEHOLDER.match(value) is not None


def is_hash(line: str, value: str) -> bool:
    """Return whether a value has the form of a hash, and what is before it on its line names one."""
    return _has_hash_form(value) and _names_hash(line, value)


def is_no_key(path: str, line: str, value: str) -> bool:
    """Return whether a random value of a line is a hash, or data of a test, rather than a key."""
    if _TEST_DATA.search(path) or _names_hash(line, value):
        return True
    return _has_hash_form(value) and not _ABOUT_KEYS.search(_before(line, value))


def _names_hash(line: str, value: str) -> bool:
    before = _before(line, value)
    # The last word counts: `password_md5` is a hash, `VECTOR_DB_TOKEN` is a token.
    ends = [
        max((m.end() for m in about.finditer(before)), default=-1) for about in (_ABOUT_HASHES, _ABOUT_KEYS)
    ]
    return ends[0] > ends[1]


def _before(line: str, value: str) -> str:
    """Return what names a value: a comment behind it may say anything."""
    return line.partition(value)[0]


def _has_hash_form(value: str) -> bool:
    digits = len(value.removeprefix("0x")) in _DIGITS and _HEX.match(value) is not None
    return digits or _NAMED_HASH.match(value) is not None
