"""Events, matchers and handlers of a hooks.json, a manifest, settings or a skill, with positions."""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint import clients
from correctless.lint.subject import shapes
from correctless.lint.subject.agent_file import is_text
from correctless.lint.subject.subject import (
    COMMAND,
    HOOKS,
    PLUGIN,
    SETTINGS,
    SKILL,
    JsonSubject,
    MarkdownSubject,
    Subject,
)
from correctless.syntax.yaml_text import LIST, MAP, SCALAR, Node

READS = (COMMAND, HOOKS, PLUGIN, SETTINGS, SKILL)  # files that have hooks

EVENTS = clients.known("EVENTS")


def stated(file: Subject) -> Node | None:
    """Return the value of `hooks`; that of a skill's frontmatter as JSON has it, where text is in quotes."""
    if isinstance(file, MarkdownSubject):
        front = file.frontmatter if "hooks" in file.md.raw else None
        node = front.get("hooks") if front else None
        return _as_json(node) if node else None
    root = file.root if isinstance(file, JsonSubject) else None
    return root.get("hooks") if root else None


def recovered(file: Subject) -> bool:
    """Return whether a part of the file could not be read, so that what seems missing may be there."""
    if isinstance(file, MarkdownSubject):
        return file.md.recovered
    return isinstance(file, JsonSubject) and file.document.recovered


def _as_json(node: Node) -> Node:
    if node.kind == SCALAR:
        return node._replace(style='"') if is_text(node) else node
    return node._replace(
        items=tuple(map(_as_json, node.items)),
        pairs=tuple((key, _as_json(value)) for key, value in node.pairs),
    )


def maps(file: Subject) -> Iterator[Node]:
    """Yield the objects whose keys are events."""
    hooks = stated(file)
    if hooks is None:
        return
    for each in hooks.items if file.kind == PLUGIN and hooks.kind == LIST else (hooks,):
        if each.kind == MAP:
            yield each


def events(file: Subject) -> Iterator[tuple[Node, Node]]:
    """Yield each event's key and value."""
    for each in maps(file):
        yield from each.pairs


def matchers(file: Subject) -> Iterator[tuple[str, Node]]:
    """Yield the name of the event and the object of each valid matcher."""
    for event, value in events(file):
        for matcher in value.items if value.kind == LIST else ():
            if matcher.kind == MAP:
                yield event.text, matcher


def handlers(file: Subject) -> Iterator[Node]:
    """Yield the objects that say what a hook does."""
    for _, matcher in matchers(file):
        each = matcher.get("hooks")
        for handler in each.items if each is not None and each.kind == LIST else ():
            if handler.kind == MAP:
                yield handler


def root(file: JsonSubject) -> str:
    """Return the plugin's folder, from the folder of the file."""
    return "../" if file.kind == HOOKS or file.folder == ".claude-plugin" else ""


# Required keys of a handler by its type, and below the optional ones.
_NEEDED: dict[str, dict[str, shapes.Form]] = {
    "command": {"command": shapes.text},
    "prompt": {"prompt": shapes.text},
    "agent": {"prompt": shapes.text},
    "http": {"url": shapes.address},
    "mcp_tool": {"server": shapes.text, "tool": shapes.text},
}


def _shell(node: Node) -> Iterator[tuple[Node, str]]:
    if not shapes.is_text(node) or node.text not in ("bash", "powershell"):
        yield node, "'bash' or 'powershell'"


_OTHER: dict[str, shapes.Form] = {
    "allowedEnvVars": shapes.list_of(shapes.text),
    "args": shapes.list_of(shapes.text),
    "async": shapes.yes_or_no,
    "asyncRewake": shapes.yes_or_no,
    "headers": shapes.an_object,
    "if": shapes.text,
    "model": shapes.text,
    "once": shapes.yes_or_no,
    "shell": _shell,
    "statusMessage": shapes.text,
    "timeout": shapes.positive,
}


def faults(event: Node, value: Node) -> Iterator[tuple[Node, str]]:
    """Yield each invalid value of an event, with a message."""
    if value.kind != LIST:
        yield (
            value,
            f"'{event.text}' is {shapes.describe(value)}. write a list of objects with 'matcher' and 'hooks'",
        )
    for matcher in value.items:
        yield from _matcher(matcher)


def _matcher(matcher: Node) -> Iterator[tuple[Node, str]]:
    if matcher.kind != MAP:
        yield matcher, f"a matcher is {shapes.describe(matcher)}. write an object with 'hooks'"
        return
    name = matcher.get("matcher")
    if name is not None and not shapes.is_text(name):
        yield name, f"'matcher' is {shapes.describe(name)}. write text in quotes"
    hooks = matcher.get("hooks")
    if hooks is None or hooks.kind != LIST:
        fault = f"'hooks' is {shapes.describe(hooks)}" if hooks else "no 'hooks' in this object"
        yield hooks or matcher, f'{fault}. write "hooks": [{{"type": "command", ...}}]'
        return
    for handler in hooks.items:
        yield from _handler(handler)


def _handler(handler: Node) -> Iterator[tuple[Node, str]]:
    if handler.kind != MAP:
        yield (
            handler,
            f'a hook is {shapes.describe(handler)}. write an object such as {{"type": "command", "command": "..."}}',
        )
        return
    type_ = handler.get("type")
    needed = _NEEDED.get(type_.text) if type_ is not None and shapes.is_text(type_) else None
    if needed is None:
        fault = f"the type is {shapes.describe(type_)}" if type_ else "this hook has no 'type'"
        yield type_ or handler, f"{fault}. write one of {', '.join(_NEEDED)}"
        return
    for key in needed:
        if handler.get(key) is None:
            yield handler, f"this hook has no '{key}'. write one"
    yield from shapes.faults(handler, {**_OTHER, **needed})
