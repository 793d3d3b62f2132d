"""Where a person's credentials lie: files and folders that no agent may read."""

from __future__ import annotations

import glob
import os
import pwd
import re
from collections.abc import Collection, Iterator, Mapping

from correctless.sandbox.reach import Rule

# Below the home folder; each is hidden whole.
_AT_HOME = (
    *(".ssh", ".gnupg", ".git-credentials", ".netrc", "_netrc", ".authinfo", ".authinfo.gpg"),
    *(".config/gh", ".config/hub", ".config/glab-cli", ".config/tea", ".config/git/credentials"),
    *(".local/share/keyrings", ".local/share/kwalletd", ".gnome2/keyrings", ".password-store", ".config/op"),
    *(".config/1Password", ".config/Bitwarden", ".config/Bitwarden CLI", ".config/keepassxc", ".vault-token"),
    *(".aws", ".azure", ".config/gcloud", ".config/doctl", ".config/hcloud", ".oci", ".kube", ".terraform.d"),
    *(".docker/config.json", ".config/containers/auth.json", ".config/rclone", ".s3cfg", ".boto"),
    *(".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials"),
    *(".m2/settings-security.xml", ".nuget/NuGet/NuGet.Config", ".pgpass", ".my.cnf"),
    *(".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware"),
    *(".config/microsoft-edge", ".config/vivaldi", ".local/share/atuin", ".bash_history", ".zsh_history"),
    *(".python_history", ".psql_history", ".mysql_history", ".local/share/fish", ".Xauthority"),
    *(".cache/git/credential", ".git-credential-cache"),
    # Logins and conversations of agents: `agents.state` shows a program its own.
    *(
        ".claude",
        ".claude.json",
        ".codex",
        ".gemini",
        ".qwen",
        ".local/share/opencode",
        ".config/github-copilot",
    ),
    *("Library/Keychains", "Library/Cookies", "Library/Application Support/Google/Chrome"),
    *("Library/Application Support/Firefox", "Library/Application Support/gh"),
)
# These mostly say where packages come from. One that holds a login is hidden.
_PERHAPS = {".npmrc": rb"_auth|_password", ".yarnrc.yml": rb"npmAuth", ".yarnrc": rb"_auth"}
# Of ~/.ssh what is no secret and is needed to know a host.
_PUBLIC = re.compile(r"(?:known_hosts.*|config|.*\.pub)\Z")
_SYSTEM = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d")
# Variables that move one of the above elsewhere.
_MOVED = (
    *(
        "GNUPGHOME",
        "GH_CONFIG_DIR",
        "NETRC",
        "PASSWORD_STORE_DIR",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
    ),
    *("CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR", "KUBECONFIG", "DOCKER_CONFIG", "PGPASSFILE"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "XAUTHORITY"),
)
# A cloud whose models the agent is told to use: then its login is the agent's own.
_CLOUDS = {
    "CLAUDE_CODE_USE_BEDROCK": (".aws", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
    "CLAUDE_CODE_USE_VERTEX": (".config/gcloud", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"),
    "CLAUDE_CODE_USE_FOUNDRY": (".azure", "AZURE_CONFIG_DIR"),
}
_IDENTITY = re.compile(
    r"^\s*(?:IdentityFile|CertificateFile|IdentityAgent)\s*[ =]\s*\"?([^\"\n]+?)\"?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_INCLUDE = re.compile(r"^\s*Include\s*[ =]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_MOST = 100  # files of ssh's configuration
_LARGEST = 1 << 20  # bytes of one file that are looked at


def rules(env: Mapping[str, str], named: Mapping[str, str], own: str = "") -> Iterator[Rule]:
    """A rule for each credential there is. `named` is git's configuration, whose keys and helpers name further files, `own` a home
    folder beside the one of `env`.
    """
    allowed = {each for switch, theirs in _CLOUDS.items() if env.get(switch) for each in theirs}
    homes = [home for home in dict.fromkeys((env.get("HOME", ""), own)) if os.path.isabs(home)]
    for home in homes:
        for path in filter(os.path.lexists, _hidden(home, env, allowed)):
            yield Rule(path, "hide")
            yield from (Rule(target, "hide") for target in _linked(path))
        for name in _names(os.path.join(home, ".ssh")):
            if _PUBLIC.match(name):
                yield Rule(os.path.join(home, ".ssh", name), "read")
        # Claude Code itself, where it was installed for this person alone.
        yield Rule(os.path.join(home, ".claude", "local"), "read")
        for path in (*_identities(home), *_of_git(named, home)):
            yield Rule(path, "hide")
    for variable in _MOVED:
        for path in env.get(variable, "").split(os.pathsep) if variable not in allowed else ():
            if os.path.isabs(path):
                yield Rule(path, "hide")
    for path in (*_SYSTEM, *_host_keys()):
        if os.access(path, os.R_OK):  # by root
            yield Rule(path, "hide")


def own_home() -> str:
    """The home folder as the user database has it, whatever HOME says; "" where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _hidden(home: str, env: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    moved = {".config/": env.get("XDG_CONFIG_HOME", ""), ".local/share/": env.get("XDG_DATA_HOME", "")}
    for name in _AT_HOME:
        if name not in allowed:
            yield os.path.join(home, name)
            for usual, folder in moved.items():
                if name.startswith(usual) and os.path.isabs(folder):
                    yield os.path.join(folder, name.removeprefix(usual))
    for name, login in _PERHAPS.items():
        if re.search(login, _head(os.path.join(home, name))):
            yield os.path.join(home, name)


def _linked(folder: str) -> Iterator[str]:
    """The files that links in a folder lead to: people keep what is in it among other files, and link it."""
    for name in _names(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) and os.path.isfile(path) and not _PUBLIC.match(name):
            yield os.path.realpath(path)


def _host_keys() -> Iterator[str]:
    for name in _names("/etc/ssh"):
        if name.endswith("_key"):
            yield os.path.join("/etc/ssh", name)


def _identities(home: str) -> Iterator[str]:
    """The key files that ssh's configuration names elsewhere, and what that includes."""
    ssh = os.path.join(home, ".ssh")
    files = [os.path.join(ssh, "config"), "/etc/ssh/ssh_config"]
    for file in files:  # grows while it is read
        text = _head(file).decode("utf-8", "replace")
        for words in _INCLUDE.findall(text) if len(files) < _MOST else ():
            for word in words.split():
                pattern = os.path.join(os.path.dirname(file), os.path.expanduser(word.strip('"')))
                files += [each for each in sorted(glob.glob(pattern)) if each not in files]
        for path in _IDENTITY.findall(text):
            yield from _private(path, home)


def _of_git(named: Mapping[str, str], home: str) -> Iterator[str]:
    """The files git's configuration names: signing keys, credential stores, keys for ssh."""
    for key, value in named.items():
        if key == "user.signingkey":
            yield from _private(value, home)
        elif key.endswith((".sshcommand", ".helper", ".cookiefile", ".sslkey", ".sshkey")):
            for word in re.split(r"[\s=\"']+", value):
                yield from _private(word, home)


def _private(path: str, home: str) -> Iterator[str]:
    path = path.replace("%d", home).replace("${HOME}", home).replace("$HOME", home)
    path = home + path[1:] if path.startswith("~/") else path
    # a public key is named where the private one is meant
    path = path.removesuffix(".pub")
    if os.path.isabs(path) and os.path.isfile(path) and not os.access(path, os.X_OK):
        yield path


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
