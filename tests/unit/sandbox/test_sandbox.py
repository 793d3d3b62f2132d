"""What an agent may reach, as values: rules arranged, git's folders, credentials, what programs need, and how it is spelled."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from conftest import Git
from correctless import sandbox
from correctless.agents import state
from correctless.project.git import find
from correctless.sandbox import credentials, git_layout, seatbelt, seccomp
from correctless.sandbox.reach import Access, AccessRule, Needs, Reach, arrange, make_room


def made(top: Path, *names: str) -> str:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return str(top)


def spelled(top: str, rules: tuple[AccessRule, ...]) -> list[str]:
    return [f"{os.path.relpath(rule.path, top)} {rule.access}" for rule in rules]


# Rules


def test_between_what_is_writable_and_what_is_protected_in_it_each_folder_is_a_rule(tmp_path: Path) -> None:
    top = made(tmp_path, "work/a/b/c/kept")
    rules = arrange([AccessRule(f"{top}/work", "write"), AccessRule(f"{top}/work/a/b/c/kept", "read")])
    assert spelled(top, rules) == [
        "work write",
        "work/a write",
        "work/a/b write",
        "work/a/b/c write",
        "work/a/b/c/kept read",
    ]


def test_the_deepest_rule_decides_and_a_later_one_for_the_same_path(tmp_path: Path) -> None:
    top = made(tmp_path, "a/b/c/d")
    rules = arrange(
        [
            AccessRule(f"{top}/a/b", "hide"),
            AccessRule(f"{top}/a", "write"),
            AccessRule(f"{top}/a/b", "read"),
            AccessRule(f"{top}/a/b/c", "write"),
        ]
    )
    reach = Reach(rules, "/tmp", "")
    asked = ("", "a", "a/x", "a/b", "a/b/x", "a/b/c/d", "ab")
    assert [reach.of(f"{top}/{name}") for name in asked] == [
        *("read", "write", "write", "read", "read", "write", "read")
    ]


def test_what_is_missing_or_says_nothing_new_is_no_rule(tmp_path: Path) -> None:
    top = made(tmp_path, "a/b/c")
    rules = [
        AccessRule(f"{top}/a", "write"),
        AccessRule(f"{top}/a/b", "write"),
        AccessRule(f"{top}/missing", "hide"),
        AccessRule(f"{top}/x", "read"),
    ]
    assert spelled(top, arrange(rules)) == ["a write"]


def test_a_rule_holds_for_what_a_link_leads_to(tmp_path: Path) -> None:
    top = made(tmp_path, "real/key")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert spelled(top, arrange([AccessRule(f"{top}/link/key", "hide")])) == ["real/key hide"]


@pytest.mark.parametrize("access", ["read", "write"])
def test_a_rule_through_a_link_where_an_agent_writes_gives_nothing(tmp_path: Path, access: Access) -> None:
    top = made(tmp_path, "work/f", "secret/key", "beside/x")
    for name in ("secret", "beside"):
        (tmp_path / "work" / name).symlink_to(tmp_path / name)
    rules = [AccessRule(f"{top}/secret", "hide"), AccessRule(f"{top}/work", "write")]
    rules += [AccessRule(f"{top}/work/{name}", access) for name in ("secret", "secret/key", "beside")]
    assert spelled(top, arrange(rules)) == ["secret hide", "work write"]
    (tmp_path / "mine").symlink_to(tmp_path / "secret")
    named = [*rules, AccessRule(f"{top}/mine/key", "read")]
    assert "secret/key read" in spelled(top, arrange(named)), (
        "a link of the person's own leads where it leads"
    )


def test_a_rule_through_such_a_link_narrows_and_a_hidden_file_stays_hidden(tmp_path: Path) -> None:
    top = made(tmp_path, "work/hooks/post-commit", "work/git/x", "secret/key")
    (tmp_path / "work/git/hooks").symlink_to(tmp_path / "work/hooks")
    (tmp_path / "work/login").symlink_to(tmp_path / "secret/key")
    rules = [AccessRule(f"{top}/work", "write"), AccessRule(f"{top}/work/git/hooks", "read")]
    rules += [AccessRule(f"{top}/shown", "read", f"{top}/work/login")]
    assert spelled(top, arrange(rules)) == ["work write", "work/hooks read"]


def test_a_link_below_a_folder_that_is_another_is_a_link_and_shows_nothing_hidden(tmp_path: Path) -> None:
    top = made(tmp_path, "tmp/home/key")
    (tmp_path / "tmp/link").symlink_to(tmp_path / "tmp/home")
    rules = arrange(
        [
            AccessRule(f"{top}/tmp", "write", f"{top}/own"),
            AccessRule(f"{top}/tmp/home", "read"),
            AccessRule(f"{top}/tmp/home/key", "hide"),
            AccessRule(f"{top}/tmp/link", "link", f"{top}/tmp/home"),
        ]
    )
    assert spelled(top, rules) == ["tmp write", "tmp/home read", "tmp/home/key hide", "tmp/link link"]
    assert Reach(rules, "", "").of(f"{top}/tmp/home/key") == "hide"


def test_inside_of_a_source_only_what_is_shown_again_is_a_rule(tmp_path: Path) -> None:
    top = made(tmp_path, "tmp/shown/x", "tmp/hidden/y", "own/z")
    rules = arrange(
        [
            AccessRule(f"{top}/tmp", "write", f"{top}/own"),
            AccessRule(f"{top}/tmp/shown", "read"),
            AccessRule(f"{top}/tmp/hidden", "hide"),
        ]
    )
    assert spelled(top, rules) == ["tmp write", "tmp/shown read"]


def test_links_in_the_way_of_what_is_shown_are_taken_away_and_no_others(tmp_path: Path) -> None:
    top = made(tmp_path, "tmp/a/shown", "own/keep/file", "work/file", "login")
    (tmp_path / "own/a").symlink_to("/oldroot/etc")
    (tmp_path / "own/other").symlink_to("/oldroot/etc")
    (tmp_path / "work/login").symlink_to("/oldroot/etc/x")
    rules = arrange(
        [
            AccessRule(f"{top}/tmp", "write", f"{top}/own"),
            AccessRule(f"{top}/tmp/a/shown", "read"),
            AccessRule(f"{top}/work", "write"),
            AccessRule(f"{top}/work/login", "write", f"{top}/login"),
        ]
    )
    make_room(rules)
    assert sorted(os.listdir(f"{top}/own")) == ["keep", "other"]
    assert os.listdir(f"{top}/work") == ["file"]


# git's folders


def test_of_an_ordinary_repository_a_commit_on_the_branch_and_no_more_can_be_written(
    scratch_repo: Path, git: Git
) -> None:
    for branch in ("feature/y", "other", "team/z"):
        git(scratch_repo, "branch", branch)
    git(scratch_repo, "pack-refs", "--all")
    git(scratch_repo, "branch", "feature/loose")
    repo = find(str(scratch_repo))
    git_layout.prepare(repo, "feature/x", {})
    reach = Reach(arrange([AccessRule(repo.top, "write"), *git_layout.rules(repo, "feature/x", {})]), "", "")
    access = {name: reach.of(os.path.join(repo.common_dir, name)) for name in _NAMES}
    assert {name for name in access if access[name] == "write"} == {
        *(
            "HEAD",
            "index",
            "objects/ab/cd",
            "refs/heads/feature/x",
            "logs/HEAD",
            "logs/refs/heads/feature/x",
            "refs/stash",
        )
    }
    # A branch that is only packed is no file; the one beside its own was made one.
    assert (
        git(scratch_repo, "rev-parse", "feature/y")
        == Path(repo.common_dir, "refs/heads/feature/y").read_text().strip()
    )
    assert git(scratch_repo, "fsck") == ""
    assert git(scratch_repo, "for-each-ref", "--format=%(refname)").split() == [
        *(
            f"refs/heads/{name}"
            for name in ("feature/loose", "feature/x", "feature/y", "main", "other", "team/z")
        )
    ]


_NAMES = (
    *("HEAD", "index", "config", "config.worktree", "hooks/pre-commit", "info/attributes", "packed-refs"),
    *("objects/ab/cd", "objects/info/alternates", "refs/heads/feature/x", "refs/heads/feature/y"),
    *(
        "refs/heads/feature/loose",
        "refs/heads/other",
        "refs/heads/team/z",
        "refs/tags/v1",
        "refs/remotes/origin/x",
    ),
    *("refs/replace/x", "logs/HEAD", "logs/refs/heads/feature/x", "logs/refs/heads/main", "refs/stash"),
)


def test_of_a_linked_worktree_its_own_folder_can_be_written_and_the_shared_one_not(
    scratch_repo: Path, git: Git
) -> None:
    git(scratch_repo, "worktree", "add", "-q", "-b", "feature/w", "../w")
    repo = find(str(scratch_repo.parent / "w"))
    git_layout.prepare(repo, "feature/w", {})
    reach = Reach(arrange([AccessRule(repo.top, "write"), *git_layout.rules(repo, "feature/w", {})]), "", "")

    def of(folder: str, *names: str) -> set[str]:
        return {reach.of(os.path.join(folder, name)) for name in names}

    assert of(repo.git_dir, "HEAD", "index", "logs/HEAD") == {"write"}
    assert of(repo.git_dir, "config.worktree", "commondir", "gitdir") == {"read"}
    assert of(repo.common_dir, "objects/ab/cd", "refs/heads/feature/w", "refs/stash") == {"write"}
    assert of(repo.common_dir, "HEAD", "index", "config", "commondir", "shallow", "refs/heads/feature/x") == {
        "read"
    }
    assert of(repo.top, ".git") == {"read"}


def test_of_many_packs_none_can_be_added_and_none_is_a_rule(scratch_repo: Path) -> None:
    repo = find(str(scratch_repo))
    pack = Path(repo.common_dir, "objects/pack")
    for number in range(100):
        (pack / f"pack-{number}.pack").write_text("")
    rules = arrange([AccessRule(repo.top, "write"), *git_layout.rules(repo, "feature/x", {})])
    assert [rule for rule in rules if rule.path.startswith(str(pack))] == [AccessRule(str(pack), "read")]


# Credentials


def hidden(env: dict[str, str], named: dict[str, str] | None = None) -> set[str]:
    home = os.path.realpath(env["HOME"])
    rules = arrange(credentials.rules(env, named or {}))
    return {
        os.path.relpath(rule.path, home)
        for rule in rules
        if rule.access == "hide" and rule.path.startswith(home)
    }


def test_keys_that_ssh_and_git_name_elsewhere_are_hidden(tmp_path: Path) -> None:
    home = made(tmp_path, ".ssh/id", "k/a", "k/b", "k/sign", "k/store", "k/helper", "dot/linked", "k/c")
    os.chmod(f"{home}/k/helper", 0o755)
    Path(home, ".ssh/config").write_text(
        'Host x\n identityfile "~/k/a"\n Include conf.d/*.conf\n IdentityFile %d/k/c\n'
    )
    made(tmp_path, ".ssh/conf.d/one.conf")
    Path(home, ".ssh/conf.d/one.conf").write_text("IdentityFile = ~/k/b\n")
    Path(home, ".ssh/id2").symlink_to(f"{home}/dot/linked")
    named = {
        "user.signingkey": f"{home}/k/sign.pub",
        "credential.https://a.example.helper": "store --file=~/k/store",
        "credential.helper": f"{home}/k/helper get",
    }
    assert hidden({"HOME": home}, named) == {".ssh", "k/a", "k/b", "k/c", "k/sign", "k/store", "dot/linked"}


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("XDG_CONFIG_HOME", "c", {"c/gh"}),
        ("XDG_DATA_HOME", "d", {"d/keyrings"}),
        ("KUBECONFIG", "k1", {"k1"}),
        ("GH_CONFIG_DIR", "c/gh", {"c/gh"}),
        ("CLAUDE_CODE_USE_BEDROCK", "", {".aws"}),
    ],
)
def test_credentials_that_a_variable_moves_are_hidden(
    tmp_path: Path, variable: str, value: str, expected: set[str]
) -> None:
    home = made(tmp_path, "c/gh/hosts.yml", "d/keyrings/x", "k1", ".aws/credentials")
    assert expected <= hidden({"HOME": home, variable: value and f"{home}/{value}"})


def test_the_login_of_a_cloud_that_has_the_models_stays(tmp_path: Path) -> None:
    home = made(tmp_path, ".aws/credentials", ".azure/x")
    assert hidden({"HOME": home, "CLAUDE_CODE_USE_BEDROCK": "1"}) == {".azure"}


def test_a_file_of_packages_is_hidden_where_it_holds_a_login(tmp_path: Path) -> None:
    home = made(tmp_path, ".npmrc")
    assert hidden({"HOME": home}) == set()
    Path(home, ".npmrc").write_text("//r.example.invalid/:_authToken=x\n")
    assert hidden({"HOME": home}) == {".npmrc"}


def test_what_is_public_in_ssh_is_shown(tmp_path: Path) -> None:
    home = made(tmp_path, ".ssh/id", ".ssh/id.pub", ".ssh/known_hosts", ".ssh/known_hosts.old", ".ssh/config")
    rules = arrange(credentials.rules({"HOME": home}, {}))
    shown = {os.path.basename(rule.path) for rule in rules if rule.access == "read"}
    assert shown >= {"id.pub", "known_hosts", "known_hosts.old", "config"}
    assert "id" not in shown


def test_another_home_folder_of_the_same_person_counts_too(tmp_path: Path) -> None:
    home, own = made(tmp_path / "a", ".ssh/id"), made(tmp_path / "b", ".ssh/id", ".netrc")
    hidden = {rule.path for rule in credentials.rules({"HOME": home}, {}, own) if rule.access == "hide"}
    assert {f"{home}/.ssh", f"{own}/.ssh", f"{own}/.netrc"} <= hidden


# What programs need


def test_codex_writes_a_folder_of_the_runs_own_with_the_persons_login_in_it(tmp_path: Path) -> None:
    home = made(tmp_path, ".codex/auth.json", ".codex/config.toml", ".codex/history.jsonl")
    found = state.needs("/usr/bin/codex", {"HOME": home}, f"{home}/private").rules
    assert found == (
        AccessRule(f"{home}/.codex", "write", f"{home}/private/codex"),
        AccessRule(f"{home}/.codex/auth.json", "write", f"{home}/.codex/auth.json"),
        AccessRule(f"{home}/.codex/config.toml", "read", f"{home}/.codex/config.toml"),
    )
    assert os.listdir(f"{home}/private/codex") == []


def test_claude_gets_a_folder_of_the_runs_own_by_whatever_name_it_is_started(tmp_path: Path) -> None:
    home = made(tmp_path, ".claude/.credentials.json", ".claude/history.jsonl")
    Path(home, ".claude.json").write_text('{"account": 1}')
    found = state.needs("claude", {"HOME": home}, f"{home}/private")
    own = f"{home}/private/claude"
    assert found.environment == {"CLAUDE_CONFIG_DIR": own}
    assert Path(own, ".claude.json").read_text() == '{"account": 1}'
    assert found.rules == (
        AccessRule(f"{home}/.claude", "hide"),
        AccessRule(f"{home}/.claude.json", "hide"),
        AccessRule(own, "write"),
        AccessRule(f"{own}/.credentials.json", "write", f"{home}/.claude/.credentials.json"),
    )


@pytest.mark.parametrize("program", ["sh", "codex", "gemini", "my-agent"])
def test_an_unknown_program_and_one_without_a_folder_need_nothing(tmp_path: Path, program: str) -> None:
    assert state.needs(program, {"HOME": str(tmp_path)}, f"{tmp_path}/private").rules == ()
    assert not (tmp_path / "private").exists()


# How it is spelled


def test_the_profile_of_sandbox_exec(tmp_path: Path) -> None:
    reach = Reach(
        (
            AccessRule("/home/a", "hide"),
            AccessRule("/home/a/k", "read"),
            AccessRule('/w "x"', "write"),
            AccessRule("/tmp", "write", "/private/t"),
        ),
        "/private/t",
        "",
    )
    *_, last = seatbelt.prefix(("/usr/bin/sandbox-exec",), reach, "/w")
    assert last.splitlines() == [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        '(allow file-write* (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/dtracehelper") (regex #"^/dev/fd/"))',
        "(deny process-info* (target others))",
        "(deny signal (target others))",
        "(allow signal (target same-sandbox))",
        "(deny mach-priv-task-port)",
        '(deny mach-lookup (global-name "com.apple.SecurityServer") (global-name "com.apple.securityd.xpc"))',
        '(deny network-outbound (literal "/private/var/run/docker.sock"))',
        '(deny file-read* file-write* network-outbound (subpath "/home/a"))',
        '(allow file-read* (subpath "/home/a/k"))',
        '(deny file-write* (subpath "/home/a/k"))',
        '(allow file-read* file-write* (subpath "/w \\"x\\""))',
        '(allow file-read* file-write* (subpath "/private/t"))',
    ]


@pytest.mark.parametrize(
    ("machine", "number", "allowed"),
    [
        *((0xC000003E, number, False) for number in (248, 249, 250, 248 | 1 << 30, 250 | 1 << 30)),
        *((0xC000003E, number, True) for number in (0, 16, 247, 251, 435, 286)),
        *((0x40000003, number, number not in (286, 287, 288)) for number in (248, 285, 286, 287, 288, 289)),
        *((0xC00000B7, number, number not in (217, 218, 219)) for number in (216, 217, 218, 219, 220, 250)),
        *((0x40000028, number, number not in (309, 310, 311)) for number in (308, 309, 310, 311, 312)),
        (0x12345678, 250, True),
    ],
)
def test_the_filter_of_system_calls(machine: int, number: int, allowed: bool) -> None:
    assert (judged(seccomp.program(), machine, number) == 0x7FFF0000) is allowed


def judged(program: bytes, machine: int, number: int) -> int:
    """What the kernel would make of a call: classic BPF, as far as the program uses it."""
    lines = list(struct.iter_unpack("=HBBI", program))
    at = kept = 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        match code:
            case 0x20:
                kept = {0: number, 4: machine}[value]
            case 0x54:
                kept &= value
            case 0x15:
                at += yes if kept == value else no
            case 0x35:
                at += yes if kept >= value else no
            case _:
                return int(value)


def test_a_worktree_is_as_usable_as_before_after_it_was_prepared(scratch_repo: Path, git: Git) -> None:
    repo = find(str(scratch_repo))
    for _ in range(2):
        git_layout.prepare(repo, "feature/x", {})
    (scratch_repo / "b").write_text("b")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "b")
    git(scratch_repo, "gc", "-q")
    git(scratch_repo, "worktree", "list")
    assert subprocess.run(["git", "fsck"], cwd=scratch_repo, check=False).returncode == 0
    assert git(scratch_repo, "log", "--format=%s").split() == ["b", "start"]


@pytest.mark.parametrize(
    "said",
    [
        "ssh -i{home}/keys/a",
        'ssh -i "{home}/keys/a"',
        "ssh -o IdentityFile=~/keys/a",
        "!f() {{ cat {home}/keys/a; }}; f",
        "!f() {{ test get = $1 && cat ~/keys/a; }}; f",
        "store --file=$HOME/keys/a",
        "!cat '{home}/keys/a'|tail -n1",
        "ssh -i '{home}/keys/my key'",
    ],
)
def test_a_file_that_a_setting_of_git_names_in_any_spelling_is_hidden(tmp_path: Path, said: str) -> None:
    home = made(tmp_path, "keys/a", "keys/my key", "keys/other")
    name = "keys/my key" if "my key" in said else "keys/a"
    hidden = credentials.rules({"HOME": home}, {"core.sshcommand": said.format(home=home)})
    assert {rule.path for rule in hidden if rule.path.startswith(f"{home}/keys")} == {f"{home}/{name}"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("~/keys/a # mine", "keys/a"),
        ('"~/keys/my key"', "keys/my key"),
        ("'~/keys/a'", "keys/a"),
        ("%d/keys/a", "keys/a"),
        ("~/keys/%h-key", "keys/host-key"),
    ],
)
def test_a_key_that_sshs_configuration_names_in_any_spelling_is_hidden(
    tmp_path: Path, said: str, name: str
) -> None:
    home = made(tmp_path, "keys/a", "keys/my key", "keys/host-key", "keys/other", ".ssh/config")
    (tmp_path / ".ssh/config").write_text(f"Host x\n  IdentityFile {said}\n")
    hidden = {rule.path for rule in credentials.rules({"HOME": home}, {}) if rule.access == "hide"}
    assert {path for path in hidden if path.startswith(f"{home}/keys")} == {f"{home}/{name}"}


def test_what_links_in_folders_of_ssh_lead_to_is_hidden(tmp_path: Path) -> None:
    home = made(tmp_path, ".ssh/keys/x", "dot/nested", "dot/ssh2/k")
    (tmp_path / ".ssh/keys/n").symlink_to(tmp_path / "dot/nested")
    (tmp_path / ".ssh/more").symlink_to(tmp_path / "dot/ssh2")
    (tmp_path / ".ssh/home").symlink_to(tmp_path)
    hidden = {rule.path for rule in credentials.rules({"HOME": home}, {}) if rule.access == "hide"}
    assert {f"{home}/dot/nested", f"{home}/dot/ssh2"} <= hidden
    assert home not in hidden, "a link to the home folder hides no more than what is hidden in it"


def test_what_a_conditional_include_would_bring_is_hidden_as_well(
    tmp_path: Path, scratch_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = made(tmp_path, "home/keys/work")
    monkeypatch.setenv("HOME", f"{home}/home")
    (tmp_path / "home/.gitconfig").write_text('[includeIf "gitdir:~/work/"]\n\tpath = workcfg\n')
    (tmp_path / "home/workcfg").write_text(f"[user]\n\tsigningKey = {home}/home/keys/work\n")
    settings = find(str(scratch_repo)).configuration()
    hidden = [rule.path for rule in credentials.rules({"HOME": f"{home}/home"}, settings)]
    assert f"{home}/home/keys/work" in hidden


def test_no_writable_folder_holds_what_logs_are_held_against(
    scratch_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(os.environ["HOME"])
    copies = home / ".local/state/correctless/heads"
    copies.mkdir(parents=True)
    repo = find(str(scratch_repo))
    place = sandbox.SandboxPlace(repo, "feature/x", str(home / "run"), os.environ, writable=("~/.local",))
    rules = arrange(sandbox._rules(place, Needs(), ("sh",), os.environ))
    reach = Reach(rules, "", "")
    assert (reach.of(str(home / ".local/share/x")), reach.of(str(copies / "x"))) == ("write", "read")
