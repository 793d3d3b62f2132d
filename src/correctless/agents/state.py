"""State folders and logins of known agent programs in a sandbox.

State goes to the run's own folder. Of your folder the program sees the login, which it may renew, and its
settings, which it cannot change: what it wrote there would run in your next session.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from correctless.sandbox.reach import AccessRule, Needs


@dataclass(frozen=True, slots=True)
class _Folder:
    """One program's folder: its name below HOME, the variable that moves it, its login files and its settings."""

    folder: str
    variable: str
    login: tuple[str, ...]
    settings: tuple[str, ...]


_PROGRAMS = {
    "codex": _Folder(
        ".codex", "CODEX_HOME", ("auth.json",), ("config.toml", "AGENTS.md", "prompts", "rules", "skills")
    ),
    "gemini": _Folder(
        ".gemini",
        "",
        ("oauth_creds.json", "google_accounts.json", "installation_id"),
        ("settings.json", "GEMINI.md", "commands", "extensions", "trustedFolders.json", ".env"),
    ),
    "opencode": _Folder(".local/share/opencode", "", ("auth.json",), ()),
    "qwen": _Folder(
        ".qwen", "", ("oauth_creds.json",), ("settings.json", "QWEN.md", "commands", "extensions")
    ),
}
_CLAUDE_LOGIN = ".credentials.json"
_CLAUDE_STATE = ".claude.json"


def needs(program: str, env: Mapping[str, str], private: str) -> Needs:
    """Return what a known program needs, by its name; nothing for any other.

    `private` is the run's folder for such state.
    """
    name = os.path.basename(program)
    if name == "claude" and private:
        return of_claude(env, private, None)
    state_folders = _PROGRAMS.get(name)
    if state_folders is None or not private:
        return Needs()
    # by its real name: nothing can be shown at a link
    folder = os.path.realpath(
        env.get(state_folders.variable) or os.path.join(env.get("HOME", ""), state_folders.folder)
    )
    if not os.path.isdir(folder):
        return Needs()
    own_folder = os.path.join(private, name)
    os.makedirs(own_folder, mode=0o700, exist_ok=True)
    return Needs(
        (
            AccessRule(folder, "write", own_folder),
            *_login(folder, folder, state_folders.login),
            *_settings(folder, state_folders.settings),
        )
    )


def of_claude(env: Mapping[str, str], private: str, mcp_config: str | None) -> Needs:
    """Return what Claude Code needs.

    That is a configuration folder of the run's, with your login and account in it.
    """
    home = env.get("HOME", "")
    chosen = env.get("CLAUDE_CONFIG_DIR")
    folder = chosen or os.path.join(home, ".claude")
    account = os.path.join(chosen or home, _CLAUDE_STATE)
    config_folder = os.path.join(private, "claude")
    os.makedirs(config_folder, mode=0o700, exist_ok=True)
    copied = os.path.join(config_folder, _CLAUDE_STATE)
    if not os.path.lexists(copied):
        with suppress(OSError):
            shutil.copyfile(account, copied)
            os.chmod(copied, 0o600)
    rules = [
        AccessRule(folder, "hide"),
        AccessRule(account, "hide"),
        AccessRule(config_folder, "write"),
        *_login(folder, config_folder, (_CLAUDE_LOGIN,)),
    ]
    if mcp_config is not None:
        # The recorder's folder: its socket is one of those no agent reaches otherwise.
        rules.append(AccessRule(os.path.dirname(mcp_config), "read"))
        rules.append(AccessRule(os.path.join(os.path.dirname(mcp_config), "socket"), "read"))
    return Needs(tuple(rules), {"CLAUDE_CONFIG_DIR": config_folder})


def _login(folder: str, target: str, names: tuple[str, ...]) -> Iterator[AccessRule]:
    for name in names:
        real = os.path.join(folder, name)
        if os.path.isfile(real):
            place = os.path.join(target, name)
            if target != folder and not os.path.lexists(place):
                with open(place, "xb"):  # something for the login to be shown at
                    pass
            yield AccessRule(place, "write", real)


def _settings(folder: str, names: tuple[str, ...]) -> Iterator[AccessRule]:
    for name in names:
        real = os.path.join(folder, name)
        if os.path.lexists(real):
            yield AccessRule(real, "read", real)
