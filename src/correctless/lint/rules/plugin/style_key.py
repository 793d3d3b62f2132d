"""Each key of an output style is one that Claude Code reads.

An unknown key has no effect, without a message; a misspelled one such as `keep_coding_instructions` is a warning, and so is a
value that is neither true nor false: with `force-for-plugin: ture` the style is not used. Keys that another program may read are
an `info`.

Wrong:

```style
---
name: Terse
description: Answers in one sentence.
keep_coding_instructions: true
---
Answer in one sentence.
```

Right:

```style
---
name: Terse
description: Answers in one sentence.
keep-coding-instructions: true
---
Answer in one sentence.
```

Fix: correct the key, or delete it.

Source: Claude Code 2.1.329, its list of keys, and a plugin with 3 values of `force-for-plugin`, run on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.frontmatter import MAX_MEANT, meaning
from correctless.lint.subject.subject import STYLE, MarkdownSubject
from correctless.syntax.finding import Edit, Finding

ID = "style-key"
SEVERITY = "warning"
READS = (STYLE,)

_BOOLEANS = ("keep-coding-instructions", "force-for-plugin")
_KEYS = ("name", "description", *_BOOLEANS)
_BARE = {key.replace("-", ""): key for key in _KEYS}


def check(style: MarkdownSubject) -> Iterator[Finding]:
    """Report unknown keys, and values that are not true or false."""
    front = style.frontmatter
    for number, (key, value) in enumerate(front.pairs if front else ()):
        if key.text in _BOOLEANS:
            if meaning(value) is None:
                name = value.text[:40] or value.kind
                yield style.at(value, f"'{key.text}' is '{name}', which is neither. write true or false")
            continue
        if key.text in _KEYS:
            continue
        bare = key.text[:60].lower().replace("-", "").replace("_", "").replace(" ", "")
        if right := _BARE.get(bare) or (number < MAX_MEANT and _BARE.get(shapes.near(bare, _BARE, 0.85))):
            fix = (
                (Edit(key.start, key.end, right),) if bare in _BARE and front and not front.get(right) else ()
            )
            yield style.at(key, f"'{key.text[:60]}' is not read. write '{right}'", fix=fix)
        else:
            message = f"'{key.text[:60]}' is not a known key of an output style. fix it, or delete it"
            yield style.at(key, message, "info")
