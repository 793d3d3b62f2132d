"""Each value of a plugin's manifest has the form that Claude Code reads.

`claude plugin validate` refuses the manifest. At run time it depends on the key: with a `version` that is a number, or an `agents`
that names a folder, the plugin cannot be installed; an `author` that is text is ignored.

Wrong:

```plugin.json
{"name": "my-plugin", "version": 1, "agents": ["./agents/"]}
```

Right:

```plugin.json
{"name": "my-plugin", "version": "1.0.0", "agents": ["./agents/reviewer.md"]}
```

Fix: write the value in the form that the finding names.

Source: Claude Code 2.1.329, `plugin validate` and `plugin install` with each form, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import PLUGIN, JsonSubject
from correctless.syntax.finding import Finding

ID = "plugin-schema"
SEVERITY = "error"
READS = (PLUGIN,)


def check(plugin: JsonSubject) -> Iterator[Finding]:
    """Report values of invalid form."""
    if plugin.root is None:
        if plugin.document.root is not None:
            yield plugin.at(
                plugin.document.root,
                f"the manifest is {shapes.describe(plugin.document.root)}. write an object",
            )
        return
    if plugin.document.recovered:
        return  # what seems missing may be in the unread part
    for place, message in shapes.faults(plugin.root, shapes.PLUGIN):
        yield plugin.at(place, message)
