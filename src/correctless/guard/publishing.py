"""Reasons to deny a `git push` or `gh` that would publish a run's branch."""

from __future__ import annotations

from correctless.guard import where

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from correctless.guard.context import CallContext

PUBLISHING = "the run's branch is published by correctless, after the operator confirmed its decisions: correctless cauto resume"
MERGING = "merge with: correctless contract merge NUMBER"


def push(texts: list[str], context: CallContext) -> str | None:
    """Return why `git TEXTS`, a push, is denied while a run or a contract is under way; None when it may run."""
    if context.dispatched:
        return PUBLISHING
    branches = context.runs
    if not branches and context.pinned:
        return None  # the contract's own guard knows which pushes it governs
    current = where.branch(context.home) if context.home else ""
    plain = [text for text in texts if not text.startswith("-")]
    plain = plain[plain.index("push") + 1 :]
    refs = [ref.rpartition(":")[2] or ref for ref in plain[1:]]
    everything = any(text in ("--all", "--mirror", "--branches") for text in texts)
    unknown = any("$" in ref or "*" in ref for ref in plain)
    if everything or unknown or "" in branches:
        return PUBLISHING
    names = [ref.lstrip("+").replace("refs/heads/", "", 1) for ref in refs] or ["HEAD"]
    meant = [current if name in ("HEAD", "@") else name for name in names]
    sources = [ref.partition(":")[0].lstrip("+") for ref in plain[1:]]
    meant += [current if name in ("HEAD", "@") else name for name in sources]
    return PUBLISHING if any(name in branches for name in meant) else None


def gh(texts: list[str], context: CallContext) -> str | None:
    """Return why `gh TEXTS` is denied; None when it may run."""
    plain = [text for text in texts if not text.startswith("-")]
    if plain[:2] == ["pr", "merge"] or (
        plain[:1] == ["api"] and any("/merge" in text or "mergePullRequest" in text for text in texts)
    ):
        return MERGING if context.pinned else PUBLISHING if context.dispatched else None
    if plain[:2] != ["pr", "create"] and not (
        plain[:1] == ["api"]
        and any(text.rstrip("/").endswith("/pulls") or "createPullRequest" in text for text in texts)
    ):
        return None
    if context.dispatched:
        return PUBLISHING
    head = _option(texts, ("--head", "-H"))
    branch = head.rpartition(":")[2] if head else where.branch(context.home) if context.home else ""
    return (
        PUBLISHING
        if context.runs and (branch in context.runs or "" in context.runs or "$" in branch)
        else None
    )


def _option(texts: list[str], names: tuple[str, ...]) -> str:
    for at, text in enumerate(texts):
        for name in names:
            if text == name:
                return texts[at + 1] if at + 1 < len(texts) else ""
            if text.startswith(name + "="):
                return text[len(name) + 1 :]
    return ""
