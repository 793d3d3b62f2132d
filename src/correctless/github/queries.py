"""GraphQL queries for a merge: one for each connection, so that each can fail alone."""

from __future__ import annotations

_PAGE = "pageInfo { hasNextPage endCursor }"
_ROLLUP = (
    "oid ... on Commit { statusCheckRollup { contexts(first: 100, after: $after) { nodes { __typename"
    " ... on CheckRun { name databaseId status conclusion startedAt"
    " checkSuite { createdAt app { slug } workflowRun { event workflow { name } } } }"
    " ... on StatusContext { context state createdAt } } " + _PAGE + " } } }"
)


def _query(name: str, fields: str, *, paged: bool = True) -> str:
    variables = "$owner: String!, $name: String!, $number: Int!" + (", $after: String" if paged else "")
    return (
        f"query {name}({variables}) {{ repository(owner: $owner, name: $name) {{ nameWithOwner"
        f" pullRequest(number: $number) {{ headRefOid {fields} }} }} }}"
    )


PULL = _query(
    "MergeFacts",
    "number state isDraft mergeable mergeStateStatus baseRefName author { login } autoMergeRequest { enabledAt }"
    " baseRef { target { oid } }",
    paged=False,
)
QUEUE_FIELDS = ("isInMergeQueue", "isMergeQueueEnabled")
QUEUE = _query("MergeQueue", " ".join(QUEUE_FIELDS), paged=False)
KNOWN_FIELDS = 'query KnownFields { __type(name: "PullRequest") { fields { name } } }'
HEAD_CHECKS = _query("HeadChecks", f"commits(last: 1) {{ nodes {{ commit {{ {_ROLLUP} }} }} }}")
BASE_CHECKS = _query("BaseChecks", f"baseRef {{ target {{ {_ROLLUP} }} }}")
THREADS = _query(
    "ReviewThreads",
    "reviewThreads(first: 100, after: $after) { nodes { isResolved"
    " first: comments(first: 1) { nodes { author { login } createdAt originalCommit { oid } } }"
    " last: comments(last: 1) { nodes { author { login } createdAt state } } } " + _PAGE + " }",
)
COMMENTS = _query(
    "Conversation",
    "comments(first: 100, after: $after) { nodes { author { login } createdAt } " + _PAGE + " }",
)
MERGED = _query("MergeOutcome", "state merged baseRefName mergeCommit { oid }", paged=False)
