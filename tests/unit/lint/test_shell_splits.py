"""Expansions that a shell splits: what the reader yields, beside what bash does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from correctless.lint.subject.shell_splits import split_expansions
from patience import PATIENCE

SHOW = "show() { printf '<%s>' \"$@\"; }; P='a b'; cd folder\n"
COMMANDS = (
    'show "$P"',
    "show $P",
    "show a\"$P\"'$P'$P",
    "show '$P' \"'$P'\" \\$P $'\\'$P'",
    'show "$(show "$P")" "`show \\"$P\\"`"',
    'show "$(show $P)"',
    'show "`show $P`"',
    'show "$(show "$(show "$P" "$P)")")"',
    "show $(show \"a$(show 'b')\") $P",
    "X=$P Y[1]=$P Z+=$P; show \"$X\"",
    "X=1 show X=$P",
    "X=(a $P) && show \"${X[@]}\"",
    'export X=$P; declare Y=$P; show "$X$Y"',
    "[[ $P == a* && ( -n $P || $P =~ ^(a|b)$ ) ]] && show yes",
    "[[ -n a ]] && show $P",
    '[ -n $P ] && show "$?"',
    "case $P in 'a b') show yes ;; esac",
    'case $P in (x | "$P") show yes ;& *) show "$P" ;; esac',
    "case x in $P) show no ;; x) show $P ;; esac",
    'show "$(case x in x) show "$P" ;; esac)"',
    "for x in $P; do show \"$x\"; done",
    'for x in 1; do show "$P"; done; show $P',
    "set -- a; for x; do show $P; done",
    "select x in $P; do show \"$x\"; break; done <<<1",
    "cat <<E\n$P it's \" `show '$P'`\nE\nshow \"$P\"",
    "cat <<E\n$(show $P)\nE",
    "cat <<'E'\n$(show $P)\nE",
    "cat <<-E; show $P\n\t\tit's\n\tE",
    "cat <<A <<B\n'\nA\n\"\nB\nshow $P",
    "cat <<<$P",
    "show a # $P\nshow b#$P",
    "show \\\n  $P",
    "show yes >$P",
    'show yes >"$P" 2>&1',
    "f() { show $P; }; f",
    "function f { show \"$P\"; }\nf",
    "{ show \"$P\"; }; (show '$P')",
    "if show a; then show $P; fi",
    "! show $P",
    'while show "$P"; do break; done',
    "show ${P:-c} ${Q+c}",
    'show "${P%b}" "${Q:-$P}" "${P#"$P"}"',
    "show ${Q:-$P}",
    "X=${Q:-$P}; show \"$X\"",
    "for ((x = 0; x < 1; x++)); do show $P; done",
    "show $((1 + (2 * 3))) $P",
    "((1 + 2)) && show \"$P\"",
    "cat <(show $P)",
    'cat <(show "$P") && show "$P"',
    'show a"b"$P',
    'show {a,b} "$P"; show "x"; show ${P}',
)  # fmt: skip


def answer(command: str, separators: str, folder: Path) -> tuple[int, str, str]:
    (folder / "folder").mkdir(parents=True)
    done = subprocess.run(
        ["bash", "-c", f"IFS=$'{separators}'; {SHOW}{command}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_an_expansion_is_split_where_bash_splits_it(command: str, tmp_path: Path) -> None:
    # With nothing to split at, bash splits nothing; what differs is what was split.
    whole = answer(command, "", tmp_path / "whole")
    assert "syntax error" not in whole[2]
    split = answer(command, r" \t\n", tmp_path / "split") != whole
    assert split == any(each.startswith(("$P", "${P", "${Q:-$P")) for each in split_expansions(command))


@pytest.mark.parametrize(
    "command",
    [
        "show @(a|$P) $P",
        "show 'a $P",
        'show "a $P',
        "show $(show $P",
        "coproc show $P",
        "show ) $P",
        "show $P; show @(a|b)",
        "cat <<E $(show a\n$P)\nE",
        "case a in b) show; $P",
        "X=([a]=$P)",
        f"{'$(' * 50_000}$P",
        f"{'${x:-' * 50_000}$P",
        f"{'(' * 50_000}$P",
        f"{'case a in a) ' * 50_000}$P",
    ],
    ids=lambda command: command[:30],
)
def test_of_a_command_that_is_not_known_entirely_nothing_is_split(command: str) -> None:
    assert split_expansions(command) == []
