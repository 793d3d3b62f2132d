"""Files and folders with your credentials, which no agent may read."""

from __future__ import annotations

import glob
import os
import pwd
import re
from collections.abc import Collection, Iterator, Mapping

from correctless.base import below
from correctless.sandbox.reach import AccessRule, inside, names_in

# Below the home folder; each is hidden whole.
_AT_HOME = (
    *(".ssh", ".gnupg", ".git-credentials", ".netrc", "_netrc", ".authinfo", ".authinfo.gpg"),
    *(".config/gh", ".config/hub", ".config/glab-cli", ".config/tea", ".config/git/credentials"),
    *(".local/share/keyrings", ".local/share/kwalletd", ".gnome2/keyrings", ".password-store", ".config/op"),
    *(".config/1Password", ".config/Bitwarden", ".config/Bitwarden CLI", ".config/keepassxc", ".vault-token"),
    *(".aws", ".azure", ".config/gcloud", ".config/doctl", ".config/sops", ".age", ".config/hcloud", ".oci"),
    *(".kube", ".terraform.d"),
    *(".docker", ".config/containers/auth.json", ".config/rclone", ".s3cfg", ".boto"),
    *(".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials"),
    *(".m2/settings-security.xml", ".nuget/NuGet", ".pgpass", ".my.cnf"),
    *(".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware"),
    *(".config/microsoft-edge", ".config/vivaldi", ".local/share/atuin", ".bash_history", ".zsh_history"),
    *(".python_history", ".psql_history", ".mysql_history", ".local/share/fish", ".Xauthority"),
    *(".cache/git/credential", ".git-credential-cache"),
    # Logins and conversations of agents: `agents.state` shows a program its own.
    *(".claude", ".claude.json", ".codex", ".gemini", ".qwen", ".local/share/opencode"),
    ".config/github-copilot",
    *("Library/Keychains", "Library/Cookies", "Library/Application Support/Google/Chrome"),
    *("Library/Application Support/Firefox", "Library/Application Support/gh"),
)
# These mostly name package sources. One with a login is hidden.
_PERHAPS = {".npmrc": rb"_auth|_password", ".yarnrc.yml": rb"npmAuth", ".yarnrc": rb"_auth"}
# The files of ~/.ssh that are not secret and are needed to verify a host.
_PUBLIC = re.compile(r"(?:known_hosts.*|config|.*\.pub)\Z")
_SYSTEM = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d")
# Variables that move one of the above elsewhere.
_MOVED = (
    *("GNUPGHOME", "GH_CONFIG_DIR", "NETRC", "PASSWORD_STORE_DIR"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
    *("CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR", "KUBECONFIG", "DOCKER_CONFIG", "PGPASSFILE"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "XAUTHORITY"),
)
# And those that move a folder with others in it.
_FOLDERS = {
    ".config/": "XDG_CONFIG_HOME",
    ".local/share/": "XDG_DATA_HOME",
    ".cache/": "XDG_CACHE_HOME",
    ".cargo/": "CARGO_HOME",
}
# A cloud whose models the agent is configured to use: its login is then the agent's own.
_CLOUDS = {
    "CLAUDE_CODE_USE_BEDROCK": (".aws", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
    "CLAUDE_CODE_USE_VERTEX": (".config/gcloud", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"),
    "CLAUDE_CODE_USE_FOUNDRY": (".azure", "AZURE_CONFIG_DIR"),
}
_IDENTITY = re.compile(
    r"^\s*(?:IdentityFile|CertificateFile|IdentityAgent)\s*[ =]\s*(.+)$", re.IGNORECASE | re.MULTILINE
)
# A path in a setting, wherever it begins: behind `-i`, in quotes, in a function of the shell.
_PATH = re.compile(r"""(?:~|%d|\$HOME|\$\{HOME\})?/[^\s"';(){}|&<>]*|"([^"]+)"|'([^']+)'""")
_INCLUDE = re.compile(r"^\s*Include\s*[ =]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
# Ends of git's keys that name key files, logins, or commands with their paths.
_HOLD_PATHS = (".signingkey", ".sshcommand", ".helper", ".cookiefile", ".sslkey", ".sslcert", ".sshkey")
_MOST = 100  # files of ssh's configuration
_LARGEST = 1 << 20  # bytes of one file that are read


def rules(env: Mapping[str, str], named: Mapping[str, str], own: str = "") -> Iterator[AccessRule]:
    """Yield a rule for each credential that exists.

    `named` is git's configuration, whose keys and helpers name further files, `own` a home folder beside the
    one of `env`.
    """
    allowed = {each for switch, theirs in _CLOUDS.items() if env.get(switch) for each in theirs}
    homes = [home for home in dict.fromkeys((env.get("HOME", ""), own)) if os.path.isabs(home)]
    for home in homes:
        for path in filter(os.path.lexists, _hidden(home, env, allowed)):
            yield AccessRule(path, "hide")
            for target in _linked(path, deep=os.path.basename(path) == ".ssh"):
                if not any(inside(each, target) for each in map(os.path.realpath, homes)):
                    yield AccessRule(target, "hide")
        for name in names_in(os.path.join(home, ".ssh")):
            if _PUBLIC.match(name):
                yield AccessRule(os.path.join(home, ".ssh", name), "read")
        # Claude Code itself, where it is installed for this user alone.
        yield AccessRule(os.path.join(home, ".claude", "local"), "read")
        ssh_keys = _files_in(env.get("GIT_SSH_COMMAND", ""), home)
        for path in (*_identities(home), *_of_git(named, home), *ssh_keys):
            yield AccessRule(path, "hide")
    for variable in _MOVED:
        for path in env.get(variable, "").split(os.pathsep) if variable not in allowed else ():
            if os.path.isabs(path):
                yield AccessRule(path, "hide")
    for path in (*_SYSTEM, *_host_keys()):
        if os.access(path, os.R_OK):  # by root
            yield AccessRule(path, "hide")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "%u"  # then any


def _hidden(home: str, env: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    moved = {usual: env.get(variable, "") for usual, variable in _FOLDERS.items()}
    for name in _AT_HOME:
        if name not in allowed:
            yield os.path.join(home, name)
            for usual, folder in moved.items():
                if name.startswith(usual) and os.path.isabs(folder):
                    yield os.path.join(folder, name.removeprefix(usual))
    elsewhere = env.get("NPM_CONFIG_USERCONFIG") or env.get("npm_config_userconfig", "")
    for name, login in {**_PERHAPS, elsewhere: _PERHAPS[".npmrc"]}.items():
        if name and re.search(login, _head(os.path.join(home, name))):
            yield os.path.join(home, name)


def _linked(folder: str, *, deep: bool) -> Iterator[str]:
    """Yield the targets of links in a folder: credentials are often stored elsewhere and linked."""
    folders, most = [folder], _MOST
    while folders and most:
        current, most = folders.pop(), most - 1
        for name in names_in(current):
            path = os.path.join(current, name)
            if os.path.islink(path) and os.path.exists(path) and not _PUBLIC.match(name):
                yield os.path.realpath(path)
            elif deep and os.path.isdir(path) and not os.path.islink(path):
                folders.append(path)


def _host_keys() -> Iterator[str]:
    for name in names_in("/etc/ssh"):
        if name.endswith("_key"):
            yield os.path.join("/etc/ssh", name)


def _identities(home: str) -> Iterator[str]:
    """Yield the key files that ssh's configuration and its included files name."""
    ssh = os.path.join(home, ".ssh")
    files = [os.path.join(ssh, "config"), "/etc/ssh/ssh_config"]
    for file in files:  # grows while it is read
        text = _head(file).decode("utf-8", "replace")
        for patterns in _INCLUDE.findall(text) if len(files) < _MOST else ():
            for pattern_text in patterns.split():
                pattern = os.path.join(os.path.dirname(file), os.path.expanduser(pattern_text.strip('"')))
                files += [each for each in sorted(glob.glob(pattern)) if each not in files]
        for option in _IDENTITY.findall(text):
            yield from _files_in(option, home)


def _of_git(named: Mapping[str, str], home: str) -> Iterator[str]:
    """Yield the files that git's configuration names: signing keys, credential stores, ssh keys."""
    for key, value in named.items():
        if key.endswith(_HOLD_PATHS):
            yield from _files_in(value, home)


def _files_in(command: str, home: str) -> Iterator[str]:
    """Yield every file, but no program, that a setting names; a path with blanks must be quoted."""
    for match in _PATH.finditer(command):
        quoted = match[1] or match[2] or ""
        yield from _private(quoted or match[0], home)
        if quoted:
            yield from _files_in(quoted, home)


def _private(path: str, home: str) -> Iterator[str]:
    path = path.replace("%d", home).replace("${HOME}", home).replace("$HOME", home)
    path = path.replace("%u", _user())
    path = home + path[1:] if path.startswith("~/") else path
    # the public key's name also stands for the private one
    path = path.removesuffix(".pub")
    if not os.path.isabs(path):
        return
    # ssh replaces these by a user or a host: any text.
    filled = re.sub(r"%[a-zA-Z]", "*", glob.escape(path))
    for each in (path,) if filled == glob.escape(path) else sorted(glob.glob(filled))[:_MOST]:
        if os.path.isfile(each) and not os.access(each, os.X_OK):
            yield each


def _head(path: str) -> bytes:
    try:
        return below.read(os.path.realpath(path), _LARGEST)
    except OSError:
        return b""
