"""Environment of an agent: an allow-list without credentials for publishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from correctless.base.exits import REFUSED, Stop

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TERM"),
        *("LANG", "LANGUAGE", "CLAUDE_CODE_OAUTH_TOKEN"),
        *("CLOUD_ML_REGION", "GCLOUD_PROJECT"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        # What you switched off for yourself stays off for the agents you start.
        *("DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "DISABLE_AUTOUPDATER"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        *("CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY", "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE"),
    }
)
_FAMILIES = (
    *("LC_", "ANTHROPIC_", "CLAUDE_CODE_USE_", "CORRECTLESS_"),
    *("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "VERTEX_REGION_"),
)

# With these a push, a comment or a merge would succeed: the agent gets them only by `agent_publish_credentials`.
PUBLISHING = frozenset(
    {
        *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_CONFIG_DIR"),
        *("SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND"),
    }
)
# These would undo what is set below, or say that this is not an agent. The first prefix also covers GIT_CONFIG_GLOBAL, where
# a helper could be configured after ours is emptied.
_RESERVED = ("GIT_CONFIG", "GIT_TERMINAL_PROMPT", "CORRECTLESS_AGENT", "CORRECTLESS_MARK_")


def environment(
    source: Mapping[str, str],
    *,
    agent_env: Sequence[str],
    run: str,
    step: str,
    attempt: int,
    gh_config_dir: str,
    push_urls: Sequence[str] = (),
    publish_credentials: bool = False,
) -> dict[str, str]:
    """Return the whole environment of one attempt, in a new dict.

    `gh_config_dir` is an empty folder, `push_urls` what the repository configures as addresses for pushing
    alone (git's pushurl). The agent can commit (git finds its identity through HOME or the repository) but
    not push, unless `publish_credentials`.

    Raises: Stop(3) when `agent_env` names what an agent must not get.
    """
    for name in agent_env:
        if name.startswith(_RESERVED):
            raise Stop(REFUSED, f"agent_env names '{name}', which the dispatcher sets itself. remove it")
        if name in PUBLISHING and not publish_credentials:
            fix = "remove it, or set agent_publish_credentials: true"
            raise Stop(REFUSED, f"agent_env names '{name}', with which an agent could publish. {fix}")
    wanted = _NAMES | set(agent_env) | (PUBLISHING if publish_credentials else frozenset())
    passed = {name: value for name, value in source.items() if name in wanted or name.startswith(_FAMILIES)}
    passed |= {
        "CORRECTLESS_AGENT": "1",
        "CORRECTLESS_RUN": run,
        "CORRECTLESS_STEP": step,
        "CORRECTLESS_ATTEMPT": str(attempt),
        "GIT_TERMINAL_PROMPT": "0",
    }
    if not publish_credentials:
        passed |= {
            "GH_CONFIG_DIR": gh_config_dir,
            **_git_config(push_urls),
            "GIT_ASKPASS": "",  # set and empty: keeps git from asking the program core.askPass names
            "GIT_SSH_COMMAND": "false",
        }
    return passed


def _git_config(push_urls: Sequence[str]) -> dict[str, str]:
    settings = [
        ("credential.helper", ""),  # an empty helper clears those of all files before it
        # Credentials are also in .netrc, in a header CI's checkout left, or in the address itself: so an agent's git has
        # nowhere to push to. Every address begins with nothing, hence with this; a pushurl is exempt and named below.
        ("url.agents-do-not-push://.pushInsteadOf", ""),
        *(("url.agents-do-not-push://.insteadOf", url) for url in push_urls),
    ]
    count = {"GIT_CONFIG_COUNT": str(len(settings))}
    keys = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings)}
    return count | keys | {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings)}
