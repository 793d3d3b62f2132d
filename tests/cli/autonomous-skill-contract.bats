# The rules of .correctless/specs/autonomous-skill-contract.md, each by what the doors do with good and broken skills and with
# real runs. tests/campaigns/test_contract_mutations.py breaks the product in scratch copies, and each time a test here turns red.

setup() {
  for name in $(env | sed -n 's/^\(\(CLAUDE\|CORRECTLESS\|GIT\|GH\|ANTHROPIC\)[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
  root=$(cd -P "$BATS_TEST_DIRNAME/../.." && pwd -P)
  correctless=$root/scripts/correctless
  python=$root/.venv/bin/python
  project=$BATS_TEST_TMPDIR/project
  export HOME=$BATS_TEST_TMPDIR/home DIARY=$BATS_TEST_TMPDIR/diary GIT_CONFIG_NOSYSTEM=1
  mkdir -p "$HOME" "$DIARY" "$project/skills" "$project/.correctless/config"
  printf '[user]\n\tname = Ada\n\temail = ada@example.invalid\n[init]\n\tdefaultBranch = main\n' >"$HOME/.gitconfig"
  cd "$project"
}

# skill NAME FRONTMATTER [BODY]: lines of either separated by newlines.
skill() {
  mkdir -p "skills/$1"
  printf -- '---\nname: %s\ndescription: Does it. Use when it is to be done.\n%s\n---\n# %s\n\n%s\n' "$1" "$2" "$1" "${3-}" >"skills/$1/SKILL.md"
}

DEFAULTS='## Autonomous Defaults
'
GOOD='- **AD-001**: Names — keep them (default). Rationale: renaming is easy later.'
ESCALATED="- **AD-002**: Merge — \`escalate: always\`. Default if deferred: leave the branch open. Rationale: a merge can't be taken back."

lint() { run "$correctless" lint --no-cache "skills/$1"; }

# broken NAME RULE [LINE]: an error of that rule, at that line.
broken() {
  lint "$1"
  [ "$status" -eq 1 ] || { echo "exit $status: $output" && return 1; }
  [[ $output =~ SKILL.md:${3:-[0-9]+}:[0-9]+:\ [^w][^$'\n']*\[$2\] ]] || { echo "no error of $2: $output" && return 1; }
}

# sound NAME: no error at all.
sound() {
  lint "$1"
  [ "$status" -eq 0 ] || { echo "exit $status: $output" && return 1; }
}

holds() { [[ $output == *"$1"* ]] || { echo "no '$1' in: $output" && return 1; }; }
lacks() { [[ $output != *"$1"* ]] || { echo "'$1' in: $output" && return 1; }; }
ended() { [ "$status" -eq "$1" ] || { echo "exit $status and not $1: $output" && return 1; }; }

# The JSON of the command before, as python sees it in `j`.
json() { "$python" -c 'import json, sys; j = json.loads(sys.argv[1]); assert eval(sys.argv[2]), j' "$output" "$1"; }

# A repository with two skills, an agent that does as it is told, and a command that opens pull requests.
repository() {
  git init -q
  printf '# p\n' >README.md
  git add README.md
  git commit -qm start
  git switch -qc feature/x
  skill tidy 'interaction_mode: autonomous' "$DEFAULTS$GOOD"
  skill judge 'interaction_mode: hybrid' "$DEFAULTS$GOOD
$ESCALATED"
  cat >"$BATS_TEST_TMPDIR/agent" <<'AGENT'
#!/bin/bash
prompt=$(cat)
printf '%s\n' "$prompt" >"$DIARY/$CORRECTLESS_STEP.prompt"
nonce=$(sed -n 's/^AUTONOMOUS_DECISIONS_START \([0-9a-f]\{8\}\)$/\1/p' <<<"$prompt" | head -n 1)
said() { printf '{"decision_id": "%s", "default_applied": "%s", "rationale": "because", "escalation_deferred": false, "original_escalation_reason": null}\n' "$@"; }
echo "AUTONOMOUS_DECISIONS_START ${NONCE:-$nonce}"
case $CORRECTLESS_STEP in
  tidy) echo x >tidied; said AD-001 'keep them' ;;
  judge) said AD-002 'leave the branch open'; [ -z "$INVENT" ] || said AD-777 invented ;;
esac
echo AUTONOMOUS_DECISIONS_END
eval "$ALSO"
AGENT
  printf '#!/bin/sh\ncat >>"%s/pull-request"\necho https://example.invalid/pr/1\n' "$DIARY" >"$BATS_TEST_TMPDIR/opener"
  chmod +x "$BATS_TEST_TMPDIR/agent" "$BATS_TEST_TMPDIR/opener"
  git init -q --bare "$BATS_TEST_TMPDIR/remote"
  git remote add origin "$BATS_TEST_TMPDIR/remote"
  git push -q origin main
  printf 'commands: {test: ["true"]}\nagent_env: [DIARY, NONCE, INVENT, ALSO]\npr: ["%s"]\npipelines: {default: {steps: [{skill: tidy}, {skill: judge}]}}\n' \
    "$BATS_TEST_TMPDIR/opener" >.correctless/config/correctless.yaml
  printf -- '- R-001: it is tidy\n' >spec.md
  git add .
  git commit -qm spec
}

# What is held here is held without the wall around an agent: its agents write a diary and reach for the log.
cauto() { run "$root/scripts/cauto" run --no-check --sandbox off --spec spec.md --approve-spec-as Ada --agent "command:$BATS_TEST_TMPDIR/agent" "$@" </dev/null; }
at_a_terminal() { run "$python" -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@" </dev/null; }
log() { "$correctless" decisions path; }
opened() { [ -e "$DIARY/pull-request" ]; }

@test "R-001 each of the three modes is one, at the top or in metadata" {
  skill a 'interaction_mode: interactive'
  skill b 'interaction_mode: autonomous' "${DEFAULTS}None."
  skill c 'interaction_mode: hybrid' "$DEFAULTS$GOOD
$ESCALATED"
  skill d 'metadata: {interaction_mode: interactive}'
  for each in a b c d; do sound $each; done
  run "$correctless" skills --json
  ended 0
  json '[s["interaction_mode"] for s in j] == ["interactive", "autonomous", "hybrid", "interactive"]'
}

@test "R-001 a missing, wrong, misspelled or contradicted mode is an error where it stands" {
  skill a 'license: MIT'
  skill b 'interaction_mode: automatic'
  skill c 'interaction_mode: [hybrid]'
  skill d 'interaction_mode:'
  skill e 'interaction-mode: interactive'
  skill f 'interactionMode: interactive'
  skill g 'interaction_mode: interactive
metadata: {interaction_mode: autonomous}'
  broken a interaction-mode
  for each in b c d; do broken $each interaction-mode 4; done
  for each in e f; do broken $each near-miss-key 4; done
  broken g interaction-mode 5
  printf '# no frontmatter\n' >skills/a/SKILL.md
  broken a interaction-mode
}

@test "R-001 a mode is read, and judged, in a frontmatter that YAML refuses" {
  skill a 'license: a: b
interaction_mode: automatic'
  broken a yaml-syntax 4
  broken a interaction-mode 5
  skill a 'license: a: b
interaction_mode: autonomous' "$DEFAULTS$GOOD"
  run "$correctless" skills --json
  json 'j[0]["interaction_mode"] == "autonomous" and len(j[0]["defaults"]) == 1'
}

@test "R-001 nothing runs a skill whose mode is not valid" {
  repository
  skill tidy 'license: MIT' "$DEFAULTS$GOOD"
  git commit -qam 'no mode'
  cauto
  ended 3
  holds interaction_mode
  [ ! -e "$DIARY/tidy.prompt" ]
}

@test "R-002 an autonomous skill lists its decision points, each with id, default and rationale" {
  skill a 'interaction_mode: autonomous' "$DEFAULTS$GOOD"
  sound a
  run "$correctless" skills --json skills/a
  json 'j[0]["defaults"][0]["id"] == "AD-001" and j[0]["defaults"][0]["choice"] == "keep them"'
  json 'j[0]["defaults"][0]["rationale"] == "renaming is easy later."'
  skill a 'interaction_mode: autonomous'
  broken a defaults-section 4
  skill a 'interaction_mode: autonomous' "### Autonomous Defaults
$GOOD"
  broken a defaults-section
  skill a 'interaction_mode: autonomous' "$DEFAULTS"
  broken a defaults-section
}

@test "R-002 an entry without an id of its own, a default or a rationale is an error" {
  skill a 'interaction_mode: autonomous' "$DEFAULTS$GOOD
- **AD-001**: Order — keep it (default). Rationale: it is easy to change."
  broken a default-entry 10
  holds 'duplicate AD-001'
  skill a 'interaction_mode: autonomous' "$DEFAULTS- **AD-7**: Order — keep it (default). Rationale: so."
  broken a default-entry 9
  skill a 'interaction_mode: autonomous' "$DEFAULTS- Order — keep it (default). Rationale: so."
  broken a default-entry
  skill a 'interaction_mode: autonomous' "$DEFAULTS- **AD-001**: Order — keep it (default)."
  broken a default-entry
  holds 'no rationale'
  skill a 'interaction_mode: autonomous' "$DEFAULTS- **AD-001**: Rationale: so."
  broken a default-entry
  holds 'no default'
}

@test "R-002 what only looks like an entry is none" {
  skill a 'interaction_mode: autonomous' "$DEFAULTS$GOOD

\`\`\`
- **AD-9**: an example
\`\`\`

## Other

- **AD-8**: elsewhere"
  sound a
  run "$correctless" skills --json
  json 'len(j[0]["defaults"]) == 1'
}

@test "R-003 an interactive skill has no such section" {
  skill a 'interaction_mode: interactive' "$DEFAULTS$GOOD"
  broken a defaults-section 8
  skill a 'interaction_mode: interactive' "## Defaults
$GOOD"
  sound a
}

@test "R-004 a hybrid skill leaves a decision to a person" {
  skill a 'interaction_mode: hybrid' "$DEFAULTS$GOOD"
  broken a hybrid-escalates 8
  skill a 'interaction_mode: hybrid' "A text on \`escalate: always\`.

$DEFAULTS$GOOD"
  broken a hybrid-escalates
  skill a 'interaction_mode: hybrid'
  broken a defaults-section
  skill a 'interaction_mode: hybrid' "$DEFAULTS$GOOD
- **AD-001**: Merge — \`escalate: always\`. Default if deferred: leave it. Rationale: so."
  broken a default-entry
  skill a 'interaction_mode: hybrid' "$DEFAULTS$ESCALATED"
  sound a
}

@test "R-005 the task of every step says mode: autonomous within its first ten lines" {
  repository
  cauto
  for step in tidy judge; do
    run head -n 10 "$DIARY/$step.prompt"
    [[ $'\n'$output$'\n' == *$'\nmode: autonomous\n'* ]]
  done
}

@test "R-005 a skill that needs a conversation is not run unattended" {
  repository
  skill judge 'interaction_mode: interactive'
  git commit -qam interactive
  cauto
  ended 3
  holds 'it needs a person'
  [ ! -e "$DIARY/tidy.prompt" ]
}

@test "R-006 the log holds what was decided, by the dispatcher's hand, in a chain that verifies" {
  repository
  cauto
  ended 10
  [ "$(wc -l <"$(log)")" -eq 2 ]
  run "$correctless" decisions verify --offline
  ended 0
  holds '2 entries'
  sed -i 's/keep them/keep none/' "$(log)"
  run "$correctless" decisions verify --offline
  ended 1
}

@test "R-006 the writer writes what it is given, once, and refuses what is no decision" {
  repository
  writer=$root/scripts/autonomous-decision-writer.sh
  run "$writer" append tidy '{"decision_id": "AD-001", "default_applied": "keep them", "rationale": "so"}'
  ended 0
  [ "$(wc -l <"$(log)")" -eq 1 ]
  run cat "$(log)"
  holds '"skill":"tidy"'
  holds '"default_applied":"keep them"'
  run "$writer" append tidy '{"decision_id": '
  [ "$status" -ne 0 ]
  [ "$(wc -l <"$(log)")" -eq 1 ]
}

@test "R-006 while a run is under way the writer's door is closed, and an entry past it ends the run" {
  repository
  export ALSO='[ $CORRECTLESS_STEP != judge ] || {
    f=$(ls "'"$project"'"/.correctless/artifacts/*decisions*.jsonl | head -n 1)
    said='"'"'{"decision_id": "AD-001", "default_applied": "mine", "rationale": "so"}'"'"'
    writer="'"$root"'/scripts/autonomous-decision-writer.sh"
    "$writer" append tidy "$said" >"$DIARY/marked" 2>&1
    env -u CORRECTLESS_AGENT "$writer" append tidy "$said" >"$DIARY/unmarked" 2>&1
    cp "$f" "$DIARY/copy.jsonl"
    env -u CORRECTLESS_AGENT "$writer" append tidy "$said" --log "$DIARY/copy.jsonl" >"$DIARY/copied" 2>&1
    tail -n 1 "$DIARY/copy.jsonl" >>"$f"
  }'
  cauto
  ended 3
  holds 'another process added this entry'
  run cat "$DIARY/marked"
  holds "an agent cannot write the log"
  run cat "$DIARY/unmarked"
  holds 'holds the lock'
  opened && return 1
  run "$root/scripts/cauto" status
  lacks complete
}

@test "R-006 while a run is under way a line that an agent puts into the log ends it as well" {
  repository
  export ALSO='[ $CORRECTLESS_STEP != judge ] || { f=$(ls "'"$project"'"/.correctless/artifacts/*decisions*.jsonl | head -n 1); sed -n 1p "$f" >>"$f"; }'
  cauto
  ended 3
  opened && return 1
  run "$root/scripts/cauto" status
  lacks complete
}

@test "R-006 a block that does not carry the word of the prompt is nobody's answer" {
  repository
  export NONCE=00000000
  cauto
  run cat "$(log)"
  lacks '"decision_id":"AD-001"'
  lacks '"decision_id":"AD-002"'
}

@test "R-007 the summary stands in the pull request, by skill, deferred escalations under a heading of their own" {
  repository
  cauto
  run "$correctless" decisions summary
  ended 0
  [[ $output == *$'\ntidy\n'*$'\njudge\n'*$'\nDeferred escalations (1, 1 open)\n'* ]]
  [[ ${output#*Deferred escalations} == *'AD-002 in judge: needs confirmation'* ]]
  [[ ${output%%Deferred escalations*} != *'leave the branch open'* ]]
  digest=$("$correctless" review --json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
  at_a_terminal "$correctless" review --confirm "$digest"
  run "$root/scripts/cauto" resume
  run cat "$DIARY/pull-request"
  holds '### tidy'
  holds '### judge'
  holds 'Deferred escalations'
  holds 'AD-002'
}

@test "R-008 the prompt gives each default beside its point, and asks nobody to show options" {
  repository
  cauto
  run cat "$DIARY/judge.prompt"
  holds '- AD-001 Names: keep them'
  holds '- AD-002 [escalate: always] Merge: leave the branch open'
  lacks '(default)'
}

@test "R-009 a forked skill is not interactive" {
  skill a 'interaction_mode: interactive
context: fork'
  broken a fork-interactive 5
  skill a 'interaction_mode: interactive'
  sound a
  skill a 'interaction_mode: autonomous
context: fork' "$DEFAULTS$GOOD"
  sound a
  skill a 'interaction_mode: autonomous
context: frok' "$DEFAULTS$GOOD"
  broken a context 5
}

@test "R-010 skills are found by where they lie, however many there are" {
  for each in one two 'drei vier' zażółć; do skill "$each" 'interaction_mode: interactive'; done
  skill _shared 'interaction_mode: automatic'
  mkdir skills/empty
  run "$correctless" skills --json
  json '{s["name"] for s in j} == {"one", "two", "drei vier", "zażółć"}'
  lint ''
  holds ': 4 files read'
  for number in $(seq 30); do skill "s$number" 'interaction_mode: interactive'; done
  run "$correctless" skills --json
  json 'len(j) == 34'
  lint ''
  holds ': 34 files read'
  lacks _shared
}

@test "R-011 a decision that is a person's is deferred, whatever the agent says of it" {
  repository
  cauto
  ended 10
  run "$correctless" review --json
  json '[(w["decision_id"], w["escalation_deferred"]) for w in j["waiting"]] == [("AD-002", True)]'
  json 'j["waiting"][0]["original_escalation_reason"] == "a merge can'"'"'t be taken back."'
  json 'j["waiting"][0]["default_applied"] == "leave the branch open"'
  run cat "$(log)"
  holds '"decision_id":"AD-001"'
}

@test "R-012 in a forked hybrid every escalated entry documents its default" {
  bare="- **AD-002**: Merge — \`escalate: always\`. Rationale: a merge can't be taken back."
  skill a 'interaction_mode: hybrid
context: fork' "$DEFAULTS$bare"
  broken a deferred-default 10
  skill a 'interaction_mode: hybrid
context: fork' "$DEFAULTS$ESCALATED
$bare"
  broken a deferred-default
  skill a 'interaction_mode: hybrid
context: fork' "$DEFAULTS$ESCALATED"
  sound a
  skill a 'interaction_mode: hybrid' "$DEFAULTS$bare"
  sound a
  holds 'warning: AD-002'
}

@test "R-013 while an escalation is open there is no pull request, and nobody but a person closes it" {
  repository
  cauto
  ended 10
  opened && return 1
  run "$correctless" gate --json
  ended 10
  json 'j["open"] is False and len(j["waiting"]) == 1'
  digest=$("$correctless" review --json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
  run "$root/scripts/cauto" resume
  ended 10
  run "$correctless" review --confirm "$digest" # nobody's terminal
  [ "$status" -ne 0 ]
  CLAUDECODE=1 at_a_terminal "$correctless" review --confirm "$digest"
  [ "$status" -ne 0 ]
  CORRECTLESS_AGENT=1 at_a_terminal "$correctless" review --confirm "$digest"
  [ "$status" -ne 0 ]
  at_a_terminal "$correctless" review --confirm 0123456789abcdef
  [ "$status" -ne 0 ]
  run "$correctless" gate
  ended 10
  opened && return 1
  at_a_terminal "$correctless" review --confirm "$digest"
  ended 0
  run "$correctless" gate
  ended 0
  run "$root/scripts/cauto" resume
  ended 0
  opened
}

@test "R-013 a log that was deleted, or changed after it was shown, opens nothing" {
  repository
  cauto
  ended 10
  digest=$("$correctless" review --json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
  file=$(log)
  cp "$file" "$BATS_TEST_TMPDIR/kept"
  rm "$file"
  run "$correctless" gate
  [ "$status" -ne 0 ]
  run "$root/scripts/cauto" resume
  [ "$status" -ne 0 ]
  opened && return 1
  sed 's/leave the branch open/merge it/' "$BATS_TEST_TMPDIR/kept" >"$file"
  at_a_terminal "$correctless" review --confirm "$digest"
  run "$correctless" gate
  [ "$status" -ne 0 ]
}

@test "R-014 a decision that no entry lists is deferred under a number of its own, and shown apart" {
  repository
  export INVENT=1
  cauto
  ended 10
  run "$correctless" review --json
  json '[w["decision_id"] for w in j["waiting"]] == ["AD-002", "AD-UNLISTED-1"]'
  json 'j["waiting"][1]["escalation_deferred"] is True and j["waiting"][1]["extra"]["claimed_id"] == "AD-777"'
  run "$correctless" decisions summary
  holds 'AD-UNLISTED-1 in judge: needs confirmation'
  holds 'which the skill does not list'
  [[ ${output#*Deferred escalations} == *AD-UNLISTED-1*'AD-002 in judge'* ]]
  run cat "$(log)"
  lacks '"decision_id":"AD-777"'
}
