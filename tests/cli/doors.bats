# The doors as black boxes: which Python they find, what they make when there is none, and that they say why not.
# Most run against a stand-in for `python` or `uv` on PATH, so that they need no network and see what was started.

setup() {
  project=$(cd -P "$BATS_TEST_DIRNAME/../.." && pwd -P)
  copy="$BATS_TEST_TMPDIR/a checkout"
  mkdir -p "$copy/src" "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/elsewhere"
  cp -R "$project/scripts" "$project/requirements" "$project/plugin.json" "$project/pyproject.toml" "$copy"
  cp -R "$project/src/correctless" "$copy/src"
  sed 's/"version": "[^"]*"/"version": "9.9.9"/' "$project/plugin.json" >"$copy/plugin.json"
  for program in cat chmod cksum cp cut dirname env grep ln mkdir mv ps readlink rm rmdir sed sh sleep tail touch tr; do
    ln -s "$(command -v "$program")" "$BATS_TEST_TMPDIR/bin/$program"
  done
  bin=$BATS_TEST_TMPDIR/bin # a PATH without any Python
  log=$BATS_TEST_TMPDIR/log
  unset VIRTUAL_ENV CLAUDE_PLUGIN_DATA
  cd "$BATS_TEST_TMPDIR/elsewhere"
}

# The real environment of this project, seen from the folder $1 (links, so nothing is installed).
link_environment() {
  mkdir -p "$1/bin"
  for site in "$project"/.venv/lib/python3.*/site-packages; do
    python_name=${site%/*} python_name=${python_name##*/}
    mkdir -p "$1/lib/$python_name/site-packages"
    ln -s "$site"/* "$1/lib/$python_name/site-packages"
    rm -f "$1/lib/$python_name/site-packages"/correctless.pth
  done
  cp "$project/.venv/pyvenv.cfg" "$1"
  ln -s "$(readlink -f "$project/.venv/bin/python")" "$1/bin/python"
}

# An environment a door has finished, whose python says what it was asked.
stamped_environment() {
  mkdir -p "$1/bin"
  printf '#!/bin/sh\nprintf "%%s\\n" "%s" "$@"\nenv >"%s.env"\n' "${2:-stand-in}" "$log" >"$1/bin/python"
  chmod +x "$1/bin/python"
  set -- "$1" $(cksum <"$copy/requirements/run.lock")
  printf 'run %s-%s\n' "$2" "$3" >"$1/correctless.stamp"
}

# A program on the PATH of the test: its name and the body of a shell script. Everything it is asked is in $log.
program() {
  printf '#!/bin/sh\necho "%s $*" >>"%s"\n%s\n' "$1" "$log" "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

# A python3 new enough, and a uv that makes an environment from it and takes a while to fill it.
installer_that_works() {
  program python3 'case "$*" in *find_spec*) exit 1 ;; esac' # new enough, without the packages
  printf '#!/bin/sh\ncase $2 in -c) exit 0 ;; esac\nprintf "%%s\\n" built "$@"\n' >"$BATS_TEST_TMPDIR/made"
  chmod +x "$BATS_TEST_TMPDIR/made"
  program uv 'for last; do :; done
  case $1 in
    venv) mkdir -p "$last/bin"; rm -f "$last/bin/python"; cp "'"$BATS_TEST_TMPDIR"'/made" "$last/bin/python" ;;
    pip) sleep "${INSTALL_SECONDS:-0}" ;;
  esac'
}

installation_begins() {
  for _ in $(seq 100); do
    ! grep -q 'uv pip' "$log" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

door() { run -"${status_wanted:-0}" --separate-stderr env PATH="$bin" "$copy/scripts/${door_name:-correctless}" "$@"; }

bats_require_minimum_version 1.5.0

@test "every door starts with the same lines, which find the folder it lies in" {
  for name in cauto autonomous-decision-writer.sh test; do
    diff <(sed -n '/^door=/,/^door_scripts=/p' "$copy/scripts/correctless") \
      <(sed -n '/^door=/,/^door_scripts=/p' "$copy/scripts/$name")
  done
}

@test "a door hands its arguments over unchanged, and cauto and the writer put their command before them" {
  stamped_environment "$copy/.venv"
  door 'two words' '' '*' $'new\nline'
  [ "$output" = "$(printf '%s\n' stand-in -I "$copy/src/correctless/__main__.py" 'two words' '' '*' new line)" ]
  door lint skills
  [ "${lines[1]} ${lines[3]} ${lines[4]}" = "-IS lint skills" ]
  door_name=cauto door run --now
  [ "${lines[3]} ${lines[4]} ${lines[5]}" = "cauto run --now" ]
  door_name=autonomous-decision-writer.sh door --log x
  [ "${lines[3]} ${lines[4]} ${lines[5]}" = "writer --log x" ]
}

@test "a door works through a chain of symbolic links, relative ones too, from any folder and with CDPATH set" {
  stamped_environment "$copy/.venv"
  ln -s "../a checkout/scripts/correctless" "$BATS_TEST_TMPDIR/elsewhere/first"
  ln -s first "$BATS_TEST_TMPDIR/elsewhere/second link"
  export CDPATH="$BATS_TEST_TMPDIR:$copy"
  run -0 --separate-stderr ./'second link'
  [ "${lines[2]}" = "$copy/src/correctless/__main__.py" ]
  cd "$copy/scripts"
  run -0 --separate-stderr sh correctless
  [ "${lines[2]}" = "$copy/src/correctless/__main__.py" ]
}

@test "a door runs under bash without a feature of its own as under sh" {
  stamped_environment "$copy/.venv"
  run -0 --separate-stderr bash --posix -u "$copy/scripts/correctless" x
  [ "${lines[0]} ${lines[3]}" = "stand-in x" ]
}

@test "with a stamped environment cksum is the only program started before Python" {
  stamped_environment "$copy/.venv"
  printf '#!/bin/sh\necho stand-in\n' >"$copy/.venv/bin/python"
  mkdir "$BATS_TEST_TMPDIR/only"
  ln -s "$(command -v cksum)" "$BATS_TEST_TMPDIR/only/cksum"
  run -0 --separate-stderr "$(command -v env)" PATH="$BATS_TEST_TMPDIR/only" "$copy/scripts/correctless"
  [ "$output" = stand-in ]
  [ -z "$stderr" ]
}

@test "a door leaves its own path in the environment and nothing else, and changes nothing of the caller's" {
  stamped_environment "$copy/.venv"
  run -0 env -i PATH="$bin" root=mine name=mine link=mine python=mine python_name=mine "$copy/scripts/correctless"
  run -0 sed -e '/^PATH=/d' -e '/^PWD=/d' -e '/^OLDPWD=/d' -e '/^SHLVL=/d' -e '/^_=/d' "$log.env"
  expected=$(printf '%s\n' "CORRECTLESS_DOOR=$copy/scripts/correctless" link=mine name=mine python=mine python_name=mine root=mine)
  [ "$(printf '%s\n' "${lines[@]}" | sort)" = "$(printf '%s\n' "$expected" | sort)" ]
}

@test "the package that runs is the one of this checkout, whatever the environment has installed" {
  link_environment "$BATS_TEST_TMPDIR/environment"
  for site in "$BATS_TEST_TMPDIR"/environment/lib/*/site-packages; do
    echo "$project/src" >"$site/correctless.pth"
  done
  VIRTUAL_ENV=$BATS_TEST_TMPDIR/environment door --version
  [ "$output" = "correctless 9.9.9" ]
}

@test "neither the caller's folder nor PYTHONPATH is imported from" {
  link_environment "$BATS_TEST_TMPDIR/environment"
  mkdir correctless
  for name in click.py json.py correctless/__init__.py sitecustomize.py; do
    echo 'raise SystemExit("imported the wrong one")' >"$name"
  done
  PYTHONPATH=$PWD VIRTUAL_ENV=$BATS_TEST_TMPDIR/environment door --version
  [ "$output" = "correctless 9.9.9" ]
}

@test "the activated environment comes first, then the checkout's, then the plugin's data folder" {
  stamped_environment "$BATS_TEST_TMPDIR/active" active
  stamped_environment "$copy/.venv" checkout
  stamped_environment "$BATS_TEST_TMPDIR/data/venv" data
  export CLAUDE_PLUGIN_DATA=$BATS_TEST_TMPDIR/data
  VIRTUAL_ENV=$BATS_TEST_TMPDIR/active door
  [ "${lines[0]}" = active ]
  door
  [ "${lines[0]}" = checkout ]
  rm -r "$copy/.venv"
  door
  [ "${lines[0]}" = data ]
}

@test "the activated environment of another project is passed over without being started" {
  stamped_environment "$copy/.venv"
  mkdir -p other/bin other/lib/python3.12/site-packages/click
  printf '#!/bin/sh\necho started >>"%s"\n' "$log" >other/bin/python
  chmod +x other/bin/python
  VIRTUAL_ENV=$PWD/other door
  [ "${lines[0]}" = stand-in ]
  [ ! -e "$log" ]
}

@test "an activated environment with a dependency that is too old is passed over" {
  stamped_environment "$copy/.venv"
  link_environment "$BATS_TEST_TMPDIR/old"
  for site in "$BATS_TEST_TMPDIR"/old/lib/*/site-packages; do
    rm "$site"/click-*.dist-info
    mkdir "$site/click-7.1.dist-info"
    printf 'Metadata-Version: 2.1\nName: click\nVersion: 7.1\n' >"$site/click-7.1.dist-info/METADATA"
  done
  VIRTUAL_ENV=$BATS_TEST_TMPDIR/old door --version
  [ "${lines[0]}" = stand-in ]
}

@test "python3 on PATH is taken when it has the dependencies, and nothing is made" {
  link_environment "$BATS_TEST_TMPDIR/environment"
  ln -s "$BATS_TEST_TMPDIR/environment/bin/python" "$BATS_TEST_TMPDIR/environment/bin/python3"
  run -0 --separate-stderr env PATH="$BATS_TEST_TMPDIR/environment/bin:$bin" "$copy/scripts/correctless" --version
  [ "$output" = "correctless 9.9.9" ]
  [ -z "$stderr" ]
  [ ! -e "$copy/.venv" ]
}

@test "without an environment a door makes one, from the locked and hashed packages, and says so on stderr only" {
  installer_that_works
  door x
  [ "${lines[0]} ${lines[3]}" = "built x" ]
  [[ "$stderr" == "correctless: preparing $copy/.venv "* ]]
  grep -F -- "--require-hashes -r $copy/requirements/run.lock" "$log"
  [ ! -e "$copy/.venv.lock" ]
  : >"$log"
  door x
  [ "${lines[0]}" = built ]
  [ -z "$stderr" ]
  [ ! -s "$log" ]
}

@test "in a plugin the environment is made in the data folder, which survives updates" {
  installer_that_works
  CLAUDE_PLUGIN_DATA="$BATS_TEST_TMPDIR/not yet/data" door x
  [ "${lines[0]}" = built ]
  [ -s "$BATS_TEST_TMPDIR/not yet/data/venv/correctless.stamp" ]
  [ ! -e "$copy/.venv" ]
}

@test "an environment made for another lock file is brought up to date" {
  installer_that_works
  stamped_environment "$copy/.venv"
  echo '# changed' >>"$copy/requirements/run.lock"
  door x
  grep -F 'uv pip install' "$log"
  : >"$log"
  door x
  [ ! -s "$log" ]
}

@test "an environment whose interpreter is gone is made again" {
  installer_that_works
  stamped_environment "$copy/.venv"
  rm "$copy/.venv/bin/python"
  ln -s /nowhere/python "$copy/.venv/bin/python"
  door x
  [ "${lines[0]}" = built ]
}

@test "two doors at once make one environment, and both run" {
  installer_that_works
  export INSTALL_SECONDS=2
  PATH=$bin "$copy/scripts/correctless" first >"$BATS_TEST_TMPDIR/first" 2>/dev/null &
  first=$!
  door second
  wait "$first"
  [ "${lines[3]}" = second ]
  [ "$(sed -n 4p "$BATS_TEST_TMPDIR/first")" = first ]
  [ "$(grep -c 'uv pip' "$log")" -eq 1 ]
}

@test "a door killed in the middle of its work does not stop the next one, which does the work again" {
  installer_that_works
  INSTALL_SECONDS=30 PATH=$bin "$copy/scripts/correctless" first 2>/dev/null 3>&- &
  first=$!
  installation_begins
  kill -9 "$first"
  wait "$first" || true
  [ -d "$copy/.venv.lock" ]
  : >"$log"
  door second
  [ "${lines[3]}" = second ]
  [ "$(grep -c 'uv pip' "$log")" -eq 1 ]
  [ ! -e "$copy/.venv.lock" ]
}

@test "two doors that find the lock of a dead one do not both take it" {
  installer_that_works
  export INSTALL_SECONDS=2
  mkdir "$copy/.venv.lock"
  sh -c 'echo $$' >"$copy/.venv.lock/pid"
  for number in 1 2 3 4; do
    PATH=$bin "$copy/scripts/correctless" "$number" >"$BATS_TEST_TMPDIR/out$number" 2>/dev/null &
    doors="${doors-} $!"
  done
  wait $doors # by name: a bare wait would wait for the clock of bats too
  for number in 1 2 3 4; do [ "$(sed -n 4p "$BATS_TEST_TMPDIR/out$number")" = "$number" ]; done
  [ "$(grep -c 'uv pip' "$log")" -eq 1 ]
}

@test "a lock whose owner died before it wrote its name is taken over" {
  installer_that_works
  mkdir "$copy/.venv.lock"
  door x
  [ "${lines[0]}" = built ]
}

@test "the lock is let go when a door is told to end, and the unfinished environment is not used" {
  installer_that_works
  INSTALL_SECONDS=1 PATH=$bin "$copy/scripts/correctless" first 2>/dev/null 3>&- &
  first=$!
  installation_begins
  kill -TERM "$first"
  wait "$first" && false
  [ ! -e "$copy/.venv.lock" ]
  : >"$log"
  door second
  grep -q 'uv pip' "$log"
}

@test "what uv can not install is tried with pip" {
  installer_that_works
  program uv 'exit 1'
  program python3 'case "$*" in *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"
    printf "#!/bin/sh\necho \"venv-python \$*\" >>\"'"$log"'\"\n" >"$last/bin/python"; chmod +x "$last/bin/python" ;;
    *find_spec*) exit 1 ;; esac'
  door x
  grep -E -- "-I -m pip install .*--require-hashes -r $copy/requirements/run.lock" "$log"
}

@test "a failed installation ends with 3, one line that says why and what to run, and is tried again" {
  installer_that_works
  program uv 'case $1 in venv) for last; do :; done; mkdir -p "$last/bin"; ln -sf "'"$bin"'/python3" "$last/bin/python" ;;
    *) printf "\033[31merror\033[0m: the network is down\n" >&2; exit 1 ;; esac'
  program python3 'case "$*" in *"import pip"*|*"-m venv"*|*find_spec*) exit 1 ;; esac'
  status_wanted=3 door x
  [ -z "$output" ]
  last=${stderr_lines[${#stderr_lines[@]} - 1]}
  [[ "$last" == "correctless: could not prepare $copy/.venv: "*"the network is down"*" run: python3 -m venv "* ]]
  [[ "$last" == *"--require-hashes -r '$copy/requirements/run.lock'"* ]]
  [ ! -s "$copy/.venv/correctless.stamp" ]
  [ ! -e "$copy/.venv.lock" ]
  : >"$log"
  status_wanted=3 door x
  grep -q 'uv pip' "$log"
}

@test "without any Python a door ends with 3 and says which one it wants" {
  status_wanted=3 door x
  [ -z "$output" ]
  [[ "${stderr_lines[${#stderr_lines[@]} - 1]}" == *"no Python 3.11 or newer on PATH"*" run: "* ]]
}

@test "where nothing can be written a door ends with 3 and one line only" {
  installer_that_works
  : >"$copy/.venv.lock" # a file, so that it holds for root as well
  status_wanted=3 door x
  [ -z "$output" ]
  [ "${#stderr_lines[@]}" -eq 1 ]
  [[ "$stderr" == "correctless: cannot write to $copy. run: "* ]]
}

@test "an update that was cut off is done again even when the lock file goes back to what it was" {
  installer_that_works
  stamped_environment "$copy/.venv"
  cp "$copy/requirements/run.lock" before
  echo '# changed' >>"$copy/requirements/run.lock"
  INSTALL_SECONDS=1 PATH=$bin "$copy/scripts/correctless" first 2>/dev/null 3>&- &
  first=$!
  installation_begins
  kill -TERM "$first"
  wait "$first" && false
  cp before "$copy/requirements/run.lock"
  : >"$log"
  door second
  grep -q 'uv pip' "$log"
}

@test "an unfinished environment is finished, however complete it looks" {
  installer_that_works
  link_environment "$copy/.venv"
  printf '' >"$copy/.venv/correctless.stamp"
  door --version
  [ "$output" = "correctless 9.9.9" ]
  grep -q 'uv pip' "$log"
}

@test "without uv too an environment whose interpreter is gone is made again" {
  installer_that_works
  rm "$bin/uv"
  # like the real venv, which leaves a link alone, also one that leads nowhere
  program python3 'case "$*" in *find_spec*) exit 1 ;; *"-m venv"*) for last; do :; done
    [ -L "$last/bin/python" ] || cp "'"$BATS_TEST_TMPDIR"'/made" "$last/bin/python" ;; esac'
  mkdir -p "$copy/.venv/bin"
  ln -s /nowhere/python "$copy/.venv/bin/python"
  door x
  [ "${lines[0]}" = built ]
}

@test "a door that saw a dead owner does not take a lock that has since changed hands" {
  installer_that_works
  sh -c 'sleep 4 >/dev/null 2>&1 3>&- & echo $!' >living
  mkdir "$copy/.venv.lock"
  sh -c 'echo $$' >"$copy/.venv.lock/pid"
  # between the look at the dead owner and the mkdir that takes its place, somebody living has the lock
  real=$(readlink "$bin/mkdir")
  rm "$bin/mkdir"
  program mkdir 'case $* in *after-*) [ -e "'"$PWD"'/changed" ] || cp "'"$PWD"'/living" "'"$copy"'/.venv.lock/pid"; : >"'"$PWD"'/changed" ;; esac
  exec '"$real"' "$@"'
  program uv 'for last; do :; done
  ! kill -0 "$(cat "'"$PWD"'/living")" 2>/dev/null || echo both >>"'"$log"'"
  case $1 in venv) mkdir -p "$last/bin"; cp "'"$BATS_TEST_TMPDIR"'/made" "$last/bin/python" ;; esac'
  door x
  [ -e changed ]
  grep -q 'uv pip' "$log"
  ! grep -x both "$log"
}

# -- the doors of the hooks

shells() { # each that is here; sh and bash always are
  for shell in sh bash "bash --posix" dash "busybox sh" ksh mksh yash; do
    ! command -v "${shell%% *}" >/dev/null || printf '%s\n' "$shell"
  done
}

call='{"session_id":"s","cwd":"/tmp","tool_name":"Bash","tool_input":{"command":"rm -rf /x/.correctless/artifacts"}}'
said='{"session_id":"s","cwd":"/tmp","hook_event_name":"UserPromptSubmit","prompt":"confirm escalations 0123456789ab"}'

# The guard with the text $1 as its call, in each shell, by a path with a space and by a link to the plugin.
guard_in_each_shell() {
  ln -sfn "$copy" "$BATS_TEST_TMPDIR/línk"
  for plugin in "$copy" "$BATS_TEST_TMPDIR/línk"; do
    while read -r shell; do
      code=0
      # shellcheck disable=SC2086 # the shell's words
      printf '%s' "$1" | env PATH="${guard_path:-$bin}" $(command -v ${shell%% *}) ${shell#"${shell%% *}"} \
        "$plugin/scripts/guard" >out 2>err || code=$?
      [ "$code" -eq "$2" ] || { echo "$shell, $plugin: $code $(cat err)" && return 1; }
      [ ! -s out ]
    done < <(shells)
  done
}

@test "the guard denies and lets through alike in every shell, by a path with a space and by a link" {
  ln -s "$(readlink -f "$project/.venv/bin/python")" "$bin/python3"
  guard_in_each_shell "$call" 2
  [[ "$(cat err)" == "correctless guard: "* ]]
  guard_in_each_shell "${call/rm -rf/cat}" 0
}

@test "the guard asks for its Python in the root folder, where no .python-version of a repository counts" {
  program python3 '[ ! -e .python-version ] || { echo "version is not installed" >&2; exit 1; }
  exec "'"$(readlink -f "$project/.venv/bin/python")"'" "$@"'
  echo 3.99 >.python-version
  guard_in_each_shell "$call" 2
  [[ "$(cat err)" != *"it is broken"* ]]
}

@test "the guard finds its files when it is called by a relative path" {
  ln -s "$(readlink -f "$project/.venv/bin/python")" "$bin/python3"
  cd "$copy/scripts"
  run -2 --separate-stderr env PATH="$bin" sh guard <<<"$call"
  [[ "$stderr" == "correctless guard: /x/"* ]]
}

@test "a prompt that is no answer starts nothing, whatever it speaks of" {
  program python3 'exit 0'
  for text in 'please confirm escalations 0123' 'how do I approve spec x?' '> confirm escalations 0123' 'hello' 'confirm' \
    'why \"confirm escalations 0123\"?' '\n- approve spec 0123'; do
    run -0 --separate-stderr env PATH="$bin" "$copy/scripts/hear" prompt <<<"${said/confirm escalations 0123456789ab/$text}"
    [ -z "$output$stderr" ]
  done
  [ ! -e "$log" ]
}

@test "an answer reaches the program, however it is spaced and spelled" {
  stamped_environment "$copy/.venv"
  printf '#!/bin/sh\ncat\n' >"$copy/.venv/bin/python"
  for text in 'confirm escalations 0123' '  Confirm  Escalations 0123 ' '\n\t\r approve spec 0123\n' '\u000bconfirm escalations 0123'; do
    given=${said/confirm escalations 0123456789ab/$text}
    run -0 --separate-stderr env PATH="$bin" "$copy/scripts/hear" prompt <<<"$given"
    [ "$output" = "$given" ]
  done
  run -0 --separate-stderr env PATH="$bin" "$copy/scripts/hear" prompt <<<'{ "prompt" : "confirm escalations 0123" }'
  [ "$output" = '{ "prompt" : "confirm escalations 0123" }' ]
}

@test "an answer that can not be recorded is kept back, and one line says why and what to run" {
  while read -r shell; do
    # shellcheck disable=SC2086 # the shell's words
    run -2 --separate-stderr env PATH="$bin" $(command -v ${shell%% *}) ${shell#"${shell%% *}"} "$copy/scripts/hear" prompt <<<"$said"
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ "$stderr" == "correctless: your answer was not recorded. could not prepare $copy/.venv: there is no Python 3.11"*" run: "* ]]
  done < <(shells)
  stamped_environment "$copy/.venv"
  printf '#!/bin/sh\necho "correctless: unexpected error" >&2\nexit 3\n' >"$copy/.venv/bin/python"
  run -2 --separate-stderr env PATH="$bin" "$copy/scripts/hear" prompt <<<"$said"
  [ "$stderr" = "correctless: your answer was not recorded. unexpected error" ]
  rm "$copy/scripts/lib/python.sh"
  run -2 --separate-stderr env PATH="$bin" "$copy/scripts/hear" prompt <<<"$said"
  [[ "$stderr" == *"install the plugin again" ]]
}

@test "an installation that a prompt waits for is given an end, and the answer is kept back" {
  installer_that_works
  program python3 'case "$*" in *find_spec*) exit 1 ;; *alarm*) exec "'"$(readlink -f "$project/.venv/bin/python")"'" "$@" ;; *"-m venv"*) exit 1 ;; esac'
  sed -i.bak 's/^    door_patience=100$/    door_patience=1/' "$copy/scripts/hear"
  started=$SECONDS
  INSTALL_SECONDS=30 run -2 --separate-stderr env PATH="$bin" "$copy/scripts/hear" prompt <<<"$said"
  [ $((SECONDS - started)) -lt 15 ]
  grep -q 'uv pip' "$log"
  [[ "${stderr_lines[${#stderr_lines[@]} - 1]}" == *"your answer was not recorded"* ]]
}

@test "the other events start nothing where there is no run, and trouble nobody" {
  program python3 'exit 0'
  for event in start stop; do
    while read -r shell; do
      # shellcheck disable=SC2086 # the shell's words
      run -0 --separate-stderr env PATH="$bin" $(command -v ${shell%% *}) ${shell#"${shell%% *}"} "$copy/scripts/hear" "$event" <<<'{}'
      [ -z "$output$stderr" ]
    done < <(shells)
  done
  [ ! -e "$log" ]
}

# The copy, where the client would put it: $1/cache/MARKETPLACE/PLUGIN/VERSION beside $1/data.
installed_under() {
  mkdir -p "$1/data" "$1/cache/$2/$3"
  mv "$copy" "$1/cache/$2/$3/0.1.0"
  copy=$1/cache/$2/$3/0.1.0
}

@test "an installed plugin has its environment in its data folder without being told which that is" {
  installer_that_works
  installed_under "$BATS_TEST_TMPDIR/some plugins" team.one correctless
  CLAUDE_PLUGIN_DATA=$BATS_TEST_TMPDIR/of-another door x
  [ "${lines[0]}" = built ]
  [ -s "$BATS_TEST_TMPDIR/some plugins/data/correctless-team-one/venv/correctless.stamp" ]
  [ ! -e "$copy/.venv" ]
  [ ! -e "$BATS_TEST_TMPDIR/of-another" ]
}

@test "before any session has made the data folders, a terminal uses the same place" {
  installer_that_works
  installed_under "$BATS_TEST_TMPDIR/plugins" team correctless
  rmdir "$BATS_TEST_TMPDIR/plugins/data"
  echo '{}' >"$BATS_TEST_TMPDIR/plugins/installed_plugins.json"
  door x
  [ -s "$BATS_TEST_TMPDIR/plugins/data/correctless-team/venv/correctless.stamp" ]
}

@test "a folder that is only called cache is no installed plugin" {
  installer_that_works
  mkdir -p "$BATS_TEST_TMPDIR/cache/a/b"
  mv "$copy" "$BATS_TEST_TMPDIR/cache/a/b/c"
  copy=$BATS_TEST_TMPDIR/cache/a/b/c
  door x
  [ -s "$copy/.venv/correctless.stamp" ]
}

@test "what a hook of a checkout has made is found from a terminal, which is told nothing" {
  stamped_environment "$BATS_TEST_TMPDIR/home/.claude/plugins/data/correctless-team/venv" hooks
  HOME=$BATS_TEST_TMPDIR/home door
  [ "${lines[0]}" = hooks ]
  CLAUDE_CONFIG_DIR=$BATS_TEST_TMPDIR/home/.claude HOME=/nowhere door
  [ "${lines[0]}" = hooks ]
}

@test "what a person made by hand in their home is found" {
  link_environment "$BATS_TEST_TMPDIR/home/.correctless-venv"
  HOME=$BATS_TEST_TMPDIR/home door --version
  [ "$output" = "correctless 9.9.9" ]
}

@test "a Python without venv is named with the package that has it" {
  program python3 'case "$*" in *find_spec* | *ensurepip* | *"-m venv"*) exit 1 ;; *"print("*) echo python3.12 ;; esac'
  status_wanted=3 door x
  [[ "${stderr_lines[${#stderr_lines[@]} - 1]}" == *"python3 has no venv module. run: sudo apt-get install python3.12-venv"* ]]
}

@test "an index that nobody reaches is said in plain words" {
  installer_that_works
  program uv 'case $1 in pip) echo "  Caused by: dns error"; exit 1 ;; esac'
  status_wanted=3 door x
  [[ "${stderr_lines[${#stderr_lines[@]} - 1]}" == *"the package index can not be reached (all of it in "*". run: python3 -m venv "* ]]
}

@test "an environment whose interpreter leads outside it is made anew, and nothing is installed there" {
  installer_that_works
  rm "$bin/uv"
  program python3 'case "$*" in *find_spec*) exit 1 ;; *"-m venv"*) for last; do :; done
    [ -e "$last/bin/python" ] || cp "'"$BATS_TEST_TMPDIR"'/made" "$last/bin/python" ;; esac'
  mkdir -p "$copy/.venv/bin"
  printf '#!/bin/sh\necho "outside $*" >>"%s"\ncase "$*" in *base_prefix*) exit 1 ;; esac\n' "$log" >"$BATS_TEST_TMPDIR/outside"
  chmod +x "$BATS_TEST_TMPDIR/outside"
  ln -s "$BATS_TEST_TMPDIR/outside" "$copy/.venv/bin/python"
  door x
  [ "${lines[0]}" = built ]
  ! grep 'outside .*pip install' "$log"
}
