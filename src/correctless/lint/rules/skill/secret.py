"""A file has no key, token or private key.

Each user of a skill gets the secret with it, the model reads it, and it stays in the history of the repository. The rule knows
the forms of these issuers: AWS, GitHub, GitLab, npm, PyPI, OpenAI, Anthropic, Slack, SendGrid, Stripe, and private keys in PEM
form. It does not judge how random a text looks, and asks no server. Obvious placeholders are skipped: `EXAMPLE`, `xxxx`, runs of
the alphabet, few different characters.

Wrong:

```markdown
---
name: my-skill
---

Sign in with the key id `AKIAQ7ZD3MXW5LTBCVNE`.
```

Right:

```markdown
---
name: my-skill
---

Sign in with the key id in `$AWS_ACCESS_KEY_ID`, which looks like `AKIAIOSFODNN7EXAMPLE`.
```

Fix: revoke it, since it has been published, and read it from the environment.

Source: the shapes of detect-secrets 1.5 that have a prefix of their own, and Anthropic's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import JSON, MARKDOWN, Subject
from correctless.syntax.finding import Finding

ID = "secret"
SEVERITY = "error"
READS = (*JSON, *MARKDOWN)

_PRIVATE = "a private key"
# Bytes without which the forms are not searched: a text, or a regex that begins with one, which is fast. Then the name of
# each form, and its pattern.
_SHAPES: tuple[tuple[bytes | re.Pattern[bytes], tuple[tuple[str, str], ...]], ...] = (
    (
        re.compile(rb"_(?:(?<=gh[pousr]_)|(?<=github_pat_)|(?<=npm_)|(?<=k_live_))[A-Za-z0-9_]{24}"),
        (
            ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
            ("an npm token", r"npm_[A-Za-z0-9]{36}"),
            ("a Stripe key", r"[rs]k_live_[A-Za-z0-9]{24,99}"),
        ),
    ),
    (re.compile(rb"A[KS]IA[A-Z0-9]{16}"), (("an AWS key id", r"A[KS]IA[A-Z0-9]{16}"),)),
    (b"glpat-", (("a GitLab token", r"glpat-[A-Za-z0-9_-]{20}"),)),
    (b"pypi-AgE", (("a PyPI token", r"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{70,}"),)),
    (b"T3BlbkFJ", (("an OpenAI key", r"sk-[A-Za-z0-9_-]{20,200}T3BlbkFJ[A-Za-z0-9_-]{20,}"),)),
    (b"sk-ant-", (("an Anthropic key", r"sk-ant-(?:api|admin|oat)[0-9]{2}-[A-Za-z0-9_-]{80,}"),)),
    (re.compile(rb"xox[abprs]-"), (("a Slack token", r"xox[abprs]-(?:[0-9]+-)+[A-Za-z0-9]{16,}"),)),
    (
        b"hooks.slack.com/services/T",
        (
            (
                "a Slack webhook",
                r"hooks\.slack\.com/services/T[A-Za-z0-9]{8,}/B[A-Za-z0-9]{8,}/[A-Za-z0-9]{24}",
            ),
        ),
    ),
    (
        re.compile(rb"SG\.[A-Za-z0-9_-]{22}\."),
        (("a SendGrid key", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),),
    ),
    (
        b" PRIVATE KEY-----",
        ((_PRIVATE, r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\s|\\n)+[A-Za-z0-9+/]{40,}"),),
    ),
)
_MOST = 20  # reported secrets of one kind
_MAX_PREFIX = 8  # characters of a secret that a message may show
_PLACEHOLDER = r"example|xxxx|your|redacted|placeholder|dummy|sample|fake|secret|token|test|here|abcd|1234|0000|([A-Za-z0-9])\1{4}"
_FEW = 8  # different characters: a text of sixteen random ones has more


def check(subject: Subject) -> Iterator[Finding]:
    """Report secrets."""
    for gate, shapes in _SHAPES:
        if gate in subject.data if isinstance(gate, bytes) else gate.search(subject.data):
            for what, shape in shapes:
                yield from _secrets(subject, what, shape)


def _secrets(subject: Subject, what: str, shape: str) -> Iterator[Finding]:
    count = 0
    for match in re.finditer(rf"(?<![A-Za-z0-9_])(?:{shape})(?![A-Za-z0-9_])", subject.text):
        token = match[0][4:]  # the shortest prefix is as long
        # The start of every OpenSSH key looks like a placeholder.
        if len(set(token)) < _FEW or (what != _PRIVATE and re.search(_PLACEHOLDER, token, re.IGNORECASE)):
            continue
        if (count := count + 1) > _MOST:
            return
        message = (
            f"{what} ('{match[0][:_MAX_PREFIX]}...') in the file. revoke it, and read it from the environment"
        )
        yield subject.at(match.span(), message)
