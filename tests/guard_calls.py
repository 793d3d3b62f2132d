"""Tool calls and when the guard denies them: what test_guard.py asks the guard itself, and test_guard_real.py the client.

Paths are relative to a repository on the branch feature/x, whose logs lie under `.correctless/artifacts/`.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

When = Literal[
    "always", "under way", "never"
]  # under way: an agent's, or an unfinished run in this repository

LOG = ".correctless/artifacts/autonomous-decisions-feature-x-000000.jsonl"
RUN = ".correctless/artifacts/pipeline-feature-x-000000.jsonl"
DIGEST = "0123456789ab"


class Call(NamedTuple):
    when: When
    tool: str
    given: dict[str, Any]

    def __str__(self) -> str:
        return " ".join(map(str, self.given.values()))[:100]


def bash(when: When, *commands: str) -> list[Call]:
    return [Call(when, "Bash", {"command": command}) for command in commands]


def write(when: When, *paths: str) -> list[Call]:
    return [Call(when, "Write", {"file_path": path, "content": "x\n"}) for path in paths]


CALLS: tuple[Call, ...] = (
    # -- what only the program writes
    *write(
        "always",
        LOG,
        RUN,
        ".correctless/artifacts/new.txt",
        "src/../.correctless/artifacts/x",
        ".CORRECTLESS/artifacts/x",
    ),
    Call("always", "Edit", {"file_path": LOG, "old_string": "true", "new_string": "false"}),
    Call(
        "always",
        "NotebookEdit",
        {"notebook_path": ".correctless/artifacts/x.ipynb", "new_source": "x", "cell_id": "1"},
    ),
    *bash(
        "always",
        f"echo x > {LOG}",
        f"echo x >> {LOG}",
        f"echo x >| {LOG}",
        f": > {LOG}",
        f"echo x 1>{LOG}",
        f"echo x &> {LOG}",
        f"echo x | tee -a {LOG}",
        f"sed -i s/true/false/ {LOG}",
        f"sed -i.bak -e s/true/false/ {LOG}",
        f"perl -pi -e s/true/false/ {LOG}",
        f"python3 -c \"open('{LOG}', 'a').write('x')\"",
        "python3 -c \"open('.correctless/' + 'artifacts/x', 'w')\"",
        "python3 -c \"import os; [os.remove(f) for f in os.listdir() if f.startswith('autonomous-decisions-')]\"",
        f"node -e \"require('fs').writeFileSync('{LOG}', '')\"",
        f"python3 - <<'EOF'\nopen('{LOG}', 'w')\nEOF",
        f"rm {LOG}",
        f"rm -f '{LOG}'",
        f"rm -f .correctless/artif''acts/{LOG.rpartition('/')[2]}",
        "rm -rf .correctless/artifacts",
        "rm -rf .correctless",
        "rm -rf .correctless/*",
        "find .correctless -delete",
        "find .correctless -type f -exec rm {} +",
        "rm -rf .correctless/art*",
        f"mv {LOG} /tmp/x",
        f"cp /tmp/x {LOG}",
        "cp -t .correctless/artifacts /tmp/x",
        f"truncate -s 0 {LOG}",
        f"dd if=/dev/null of={LOG}",
        f"ln -sf /tmp/x {LOG}",
        f"chmod 666 {LOG}",
        f"touch {LOG}",
        f"install -m 644 /tmp/x {LOG}",
        "cd .correctless/artifacts && rm -f *.jsonl",
        "cd .correctless && echo x > artifacts/x",
        "(cd .correctless/artifacts; echo x > y)",
        f"F={LOG}; echo x > $F",
        f"for f in {LOG}; do rm $f; done",
        f"export F={LOG} && tee $F < /dev/null",
        "ls .correctless/artifacts/*.jsonl | xargs rm",
        f"echo 'rm {LOG}' | sh",
        f"bash -c 'echo x > {LOG}'",
        f'eval "echo x > {LOG}"',
        f"sudo -n tee {LOG} < /dev/null",
        f"env A=1 nice -n 5 tee {LOG} < /dev/null",
        "find .correctless/artifacts -name '*.jsonl' -delete",
        "find .correctless/artifacts -exec rm {} +",
        f"echo $(rm {LOG})",
        f"rm \\\n  {LOG}",
        f"env -S 'tee {LOG}' < /dev/null",
        f"true `rm {LOG}`",
        f"git rm -f --cached {LOG}",
        f"git checkout -- {LOG}",
        f"awk '{{print > \"{LOG}\"}}' /dev/null",
        f"sort -o {LOG} /dev/null",
        f"curl -s -o {LOG} file:///dev/null",
        "tee $'\\x2ecorrectless/artifacts/x' < /dev/null",
        "rm -f .git/correctless.lock",
        "rm -rf ~/.local/state/correctless/heads",
    ),
    # -- what only a person says
    *bash(
        "always",
        f"correctless review --confirm {DIGEST}",
        f"scripts/correctless review --confirm={DIGEST}",
        "correctless review --reject",
        f"correctless \\\n  review --confirm {DIGEST}",
        "tmux send-keys 'cauto run --spec s --approve-spec-as Ada' Enter",
        "correctless review --rerun ctdd",
        "correctless review $FLAG",
        f"python3 -m correctless review --confirm {DIGEST}",
        f"python3 -I /opt/x/correctless/__main__.py review --confirm {DIGEST}",
        f"sh scripts/correctless review --confirm {DIGEST}",
        "cauto run --spec spec.md --approve-spec-as Ada",
        "correctless cauto run --spec spec.md --approve-spec-as=Ada",
        "correctless guard off",
        "correctless cauto resume --max-usd 100",
        "correctless cauto stop --abandon",
        "correctless hook prompt < call.json",
        f'echo \'{{"prompt":"confirm escalations {DIGEST}"}}\' | scripts/hear prompt',
        "correctless contract answer merge-1 granted",
        "correctless contract pin",
        f"env -u CLAUDECODE correctless review --confirm {DIGEST}",
        f"env -i PATH=$PATH correctless review --confirm {DIGEST}",
        f"script -qc 'correctless review --confirm {DIGEST}' /dev/null",
        f"nohup setsid correctless review --confirm {DIGEST} &",
        f"timeout 5 correctless review --confirm {DIGEST}",
        f"bash -lc 'correctless review --confirm {DIGEST}'",
        f"tmux send-keys -t 0 'correctless review --confirm {DIGEST}' Enter",
        f"tmux send-keys -t 0 'confirm escalations {DIGEST}' Enter",
        f"screen -X stuff 'confirm escalations {DIGEST}'",
        f"claude -p 'confirm escalations {DIGEST}'",
        f'claude -p "approve spec {DIGEST}"',
        f"echo 'confirm escalations {DIGEST}' | claude -p",
        f"claude -p <<< 'confirm   escalations {DIGEST}'",
        f"claude -p <<EOF\nconfirm escalations {DIGEST}\nEOF",
        f"echo 'correctless review --confirm {DIGEST}' | at now",
        f"systemd-run --user claude -p 'confirm escalations {DIGEST}'",
        f"echo \"* * * * * claude -p 'confirm escalations {DIGEST}'\" | crontab -",
        f"python3 -c \"import os; os.system('correctless review --confirm {DIGEST}')\"",
        f"expect -c 'spawn correctless review --confirm {DIGEST}'",
        f"ssh localhost 'correctless review --confirm {DIGEST}'",
        f"c''orrectless rev\"iew\" --con\\firm {DIGEST}",
    ),
    Call(
        "always",
        "Task",
        {"description": "x", "subagent_type": "claude", "prompt": f"confirm escalations {DIGEST}"},
    ),
    Call(
        "always",
        "CronCreate",
        {"cron": "* * * * *", "prompt": f"Confirm Escalations {DIGEST}", "recurring": False},
    ),
    Call("always", "SendMessage", {"to": "main", "summary": "x", "message": f"approve spec {DIGEST}"}),
    Call(
        "always",
        "Monitor",
        {"description": "x", "command": f"correctless review --confirm {DIGEST}", "timeout_ms": 1000},
    ),
    # -- while a run is under way
    *write(
        "under way",
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".git/hooks/pre-commit",
        "hooks/hooks.json",
        ".mcp.json",
        ".claude/hooks/x.sh",
        ".claude/scheduled_tasks.json",
    ),
    *bash(
        "under way",
        "echo '[]' > .claude/scheduled_tasks.json",
        "echo '{}' > .claude/settings.json",
        "tee .git/hooks/pre-commit < /dev/null",
        "sed -i s/a/b/ hooks/hooks.json",
        "rm -f .claude/settings.json",
        "cp /tmp/x .git/hooks/post-commit",
        "git config core.hooksPath /tmp/x",
        "git push",
        "git push origin feature/x",
        "git push -u origin HEAD",
        "git push --force origin +HEAD:refs/heads/feature/x",
        "git push --all",
        "git -C . push origin feature/x:main",
        "gi't' pu\"sh\"",
        "true && git push",
        "sh -c 'git push origin feature/x'",
        "gh pr create --fill",
        "gh pr create --head feature/x --title t --body b",
        "GH_TOKEN=x gh pr create -H me:feature/x -f",
        "git clean -fdx",
    ),
    # -- what is nobody's business
    *write(
        "never",
        "src/x.py",
        ".correctless/reports/feature-x/cverify.md",
        ".correctless/specs/x.md",
        ".correctless/config/correctless.yaml",
        "docs/artifacts/x.md",
        ".claude/skills/x/SKILL.md",
        "src/hooks/useThing.ts",
    ),
    Call(
        "never",
        "Write",
        {
            "file_path": "docs/x.md",
            "content": f"type: confirm escalations {DIGEST}, then correctless review --confirm x",
        },
    ),
    Call("never", "Read", {"file_path": LOG}),
    Call("never", "Grep", {"pattern": "confirm escalations 0123456789", "path": ".correctless/artifacts"}),
    *bash(
        "never",
        "ls -la",
        "find . -name '*.pyc' -delete",
        "find . -type f -name 'x*.py' -exec grep -l foo {} + | xargs -r wc -l",
        "find . -type f -exec grep -l nothing {} +",
        "rm -rf build dist *.egg-info",
        "chmod -R u+w .",
        "pytest -q 2>&1 | tail -5",
        f"cat {LOG}",
        f"cat {LOG} | jq -c .decision_id",
        f"jq -c . < {LOG} > /tmp/guard-out",
        f"wc -l {LOG} .correctless/artifacts/*.jsonl",
        f"tail -n 3 {LOG} | python3 -c 'import sys; print(len(sys.stdin.read()))'",
        f"cp {LOG} /tmp/guard-copy",
        f"sed -n 1,3p {LOG}",
        f"awk 'NR<3' {LOG}",
        "find .correctless/artifacts -name '*.jsonl'",
        f"diff {LOG} /tmp/guard-copy || true",
        "ls .correctless && mkdir -p .correctless/reports && echo x > .correctless/reports/a.md",
        "cd .correctless/reports 2>/dev/null; cd - >/dev/null; echo x > /tmp/guard-y",
        "git add .correctless/specs 2>/dev/null || true",
        "grep -rn 'correctless review --confirm' . | head -3",
        "grep -rn 'git push' . > /tmp/guard-z || true",
        "echo 'the log lies in .correctless/artifacts; correctless review --confirm DIGEST' > notes.md",
        f"cat > notes2.md <<'EOF'\nsay: confirm escalations {DIGEST}\n.correctless/artifacts > x\nEOF",
        "git commit -q --allow-empty -m 'document correctless review --confirm and .correctless/artifacts'",
        "git log --oneline -3 | cat",
        "git status --short | head -3",
        "echo rm -rf .correctless/artifacts",
        "printf '%s\\n' 'gh pr create' 'git push'",
        "correctless review --json || true",
        "correctless gate || true",
        "correctless decisions summary > /tmp/guard-s || true",
        "correctless decisions verify --offline || true",
        "correctless cauto status || true",
        "correctless cauto resume 2>/dev/null || true",
        "correctless guard status || true",
        "echo it\\'s > /tmp/guard-q",
        "echo a > .correctless/config/x.yaml; rm .correctless/config/x.yaml",
    ),
)
