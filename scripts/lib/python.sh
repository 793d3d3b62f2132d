# Sourced by the doors: finds the Python that runs this checkout's package, or makes its environment.
#
# In:  $0 and the environment.  Out: door_exec ARGS hands over to `correctless ARGS`; it never returns.
# POSIX sh without GNU tools: it runs under the bash 3.2 of macOS and the dash of Debian alike. Every variable starts
# with door_, because assigning to one the caller exported would hand our value to every program started from here.
# shellcheck shell=sh

# Set by each door: the folder it really lies in, symbolic links resolved.
: "${door_scripts:?sourced by something that is not a door}"
door_root=${door_scripts%/*}
door_modules='click detect_secrets frontmatter jinja2 jsonlines pydantic rich ruamel/yaml yaml' # what pyproject.toml names

# In an installed wheel the doors lie inside the package: correctless/plugin/scripts.
if [ -f "${door_root%/*}/__main__.py" ] && [ "${door_root##*/}" = plugin ]; then
  door_package=${door_root%/*} door_installed=1
else
  door_package=$door_root/src/correctless door_installed=
fi
door_lock_file=$door_root/requirements/run.lock

# The folder that a plugin keeps over its updates, in door_data; "" for a checkout. Hooks are told which one it is, tool
# calls and terminals are not (Claude Code 2.1.329); so where the client installed the plugin, its place says it:
# .../cache/MARKETPLACE/PLUGIN/VERSION beside .../data/PLUGIN-MARKETPLACE.
door_data=
door_plugins=${door_root%/*/*/*/*}
case $door_root in
  "$door_plugins"/cache/*)
    # The client makes data/ when a session first loads a plugin.
    if [ -d "$door_plugins/data" ] || [ -f "$door_plugins/installed_plugins.json" ]; then
      door_name=${door_root%/*}
      door_market=${door_name%/*}
      door_name=${door_name##*/}-${door_market##*/}
      while :; do
        case $door_name in
          *[!A-Za-z0-9_-]*) door_name=${door_name%%[!A-Za-z0-9_-]*}-${door_name#*[!A-Za-z0-9_-]} ;;
          *) break ;;
        esac
      done
      door_data=$door_plugins/data/$door_name
    fi
    ;;
esac
# A plugin that is read where its marketplace lies, as that of a local folder is.
: "${door_data:=${CLAUDE_PLUGIN_DATA:-}}"

door_say() { printf 'correctless: %s\n' "$1" >&2; }

# One line: what is wrong, what to do.
door_refuse() {
  door_say "$1"
  exit 3
}

# Single quotes, for a command a person will copy.
door_quote() {
  case $1 in
    *[!A-Za-z0-9_/.,:=@%+-]* | '') printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
  esac
}

# The lock file's checksum in door_sum: the only program the hot path starts.
door_checksum() {
  [ -r "$1" ] || return 1
  door_sum=$(cksum 2>/dev/null <"$1") && door_sum=${door_sum% *}-${door_sum#* }
}

# Is $1 an environment a door finished for this very lock file? No program is started.
door_is_stamped() {
  door_line=
  [ -r "$1/correctless.stamp" ] && [ -x "$1/bin/python" ] || return 1
  while read -r door_line; do
    [ "$door_line" = "$2 $door_sum" ] && return 0
  done <"$1/correctless.stamp"
  return 1
}

# Has the environment $1, which somebody else made, all we need? A look at its folders keeps Python out of it
# when it is simply another project's.
door_is_complete() {
  [ -x "$1/bin/python" ] && [ ! -e "$1/correctless.stamp" ] || return 1
  for door_site in "$1"/lib/python3.*/site-packages; do
    for door_module in $door_modules; do
      [ -d "$door_site/$door_module" ] || continue 2
    done
    door_probe "$1/bin/python" && return 0
  done
  return 1
}

# Does the interpreter $1 have Python 3.11 and every dependency in a version pyproject.toml allows?
door_probe() {
  # shellcheck disable=SC2086 # the words of door_modules
  "$1" -I -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
import importlib.util, os, re
from importlib.metadata import version
for name in sys.argv[2:]:
    head, _, tail = name.partition("/")
    if importlib.util.find_spec(head) is None or tail and importlib.util.find_spec(f"{head}.{tail}") is None:
        sys.exit(1)
if os.path.exists(sys.argv[1]):
    import tomllib
    def numbers(text):
        return [int(part) for part in re.findall(r"\d+", text)]
    with open(sys.argv[1], "rb") as file:
        for wanted in tomllib.load(file)["project"]["dependencies"]:
            name, _, least = wanted.partition(">=")
            if numbers(version(name)) < numbers(least):
                sys.exit(1)
' "$door_root/pyproject.toml" $door_modules >/dev/null 2>&1
}

# Sets door_python to an interpreter that is ready now; fails when there is none. Makes nothing.
door_find() {
  if [ -n "$door_installed" ]; then
    # .../lib/python3.N/site-packages/correctless/plugin/scripts: the interpreter that was given the package
    door_lib=${door_package%/*/*}
    door_python=${door_lib%/*/*}/bin/${door_lib##*/}
    case $door_lib in */python3.*) [ -x "$door_python" ] && return 0 ;; esac
  else
    door_checksum "$door_lock_file" || return 1
  fi
  # An empty name would mean the root folder.
  for door_env in "${VIRTUAL_ENV:-/dev/null}" "$door_root/.venv" "${door_data:-/dev/null}/venv" "${HOME:-/dev/null}/.correctless-venv"; do
    door_python=$door_env/bin/python
    if [ -z "$door_installed" ] && door_is_stamped "$door_env" run; then return 0; fi
    if door_is_complete "$door_env"; then return 0; fi
  done
  # What a hook of this checkout has made, where it is a plugin as well.
  for door_env in "${CLAUDE_CONFIG_DIR:-${HOME:-/dev/null}/.claude}"/plugins/data/correctless-*/venv; do
    door_python=$door_env/bin/python
    if [ -z "$door_installed" ] && door_is_stamped "$door_env" run; then return 0; fi
  done
  door_python=$(command -v python3) && door_probe "$door_python"
}

# A bare Python 3.11 or newer in door_base. Asked in the root folder: in a repository a python3 of pyenv is the one its
# .python-version names.
door_base() {
  for door_base in python3 python3.14 python3.13 python3.12 python3.11; do
    (cd / && exec "$door_base" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))') >/dev/null 2>&1 && return 0
  done
  door_base=
  return 1
}

door_alive() {
  # kill -0 also fails for a living process of another user
  kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ] || ps -p "$1" >/dev/null 2>&1
}

# The lock of the environment $1: a folder, because mkdir is the one atomic test-and-set a shell has everywhere.
door_lock() {
  door_held=$1.lock door_waited=0 door_nobody=0 door_absent=0
  until mkdir "$door_held" 2>/dev/null; do
    if [ ! -d "$door_held" ]; then # let go just now, or never to be had: a folder without write access, a full disk
      door_absent=$((door_absent + 1))
      [ "$door_absent" -le 3 ] || return 1
      continue
    fi
    door_owner=
    { read -r door_owner <"$door_held/pid"; } 2>/dev/null
    case $door_owner in
      '' | *[!0-9]*)
        # mkdir is done and the pid is not yet written, or its owner died just there
        door_nobody=$((door_nobody + 1))
        if [ "$door_nobody" -gt 5 ]; then door_owner=none; else door_owner=; fi
        ;;
      *) door_nobody=0 ;;
    esac
    if [ -n "$door_owner" ] && { [ "$door_owner" = none ] || ! door_alive "$door_owner"; }; then
      # One door takes a dead owner's place. It takes the folder over as it stands: a door that removed it instead could
      # remove the lock another has just made. It looks again after its mkdir, for the same reason.
      if mkdir "$door_held/after-$door_owner" 2>/dev/null; then
        door_now=
        { read -r door_now <"$door_held/pid"; } 2>/dev/null
        if [ "${door_now:-none}" = "$door_owner" ]; then break; fi
        rmdir "$door_held/after-$door_owner" 2>/dev/null
      fi
    fi
    [ "$door_waited" -ne 0 ] || door_say "another door is preparing $1, waiting for it"
    door_waited=$((door_waited + 1))
    [ "$door_waited" -le "${door_patience:-600}" ] ||
      door_refuse "$1 has been locked for ${door_patience:-600} seconds. if nothing is installing it, run: rm -r $(door_quote "$door_held")"
    sleep 1
  done
  trap 'door_unlock' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '%s\n' "$$" >"$door_held/pid.new" && mv "$door_held/pid.new" "$door_held/pid"
}

door_unlock() {
  trap - EXIT HUP INT TERM
  rm -rf "$door_held"
}

# Runs an installer away from the caller's folder, whose files it would read, and from settings that send it elsewhere.
# With door_patience set it is given so many seconds; the alarm outlives exec, and no `timeout` is needed.
door_quietly() {
  (
    cd "$door_root" || exit 1
    unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_VIRTUALENV VIRTUAL_ENV UV_SYSTEM_PYTHON UV_PYTHON
    # uv looks at the system's certificates only when told; the first name is that of older versions
    export UV_NATIVE_TLS="${UV_NATIVE_TLS:-1}" UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
    export NO_COLOR=1
    if [ -n "${door_patience:-}" ] && [ -n "$door_base" ]; then
      set -- "$door_base" -I -c 'import os, signal, sys
signal.alarm(int(sys.argv[1]))
os.execvp(sys.argv[2], sys.argv[2:])' "$door_patience" "$@"
    fi
    exec "$@" </dev/null
  ) >>"$door_log" 2>&1
}

# Brings the environment $1 to the lock file $2 (run, dev or docs), under its lock. The stamp is taken away first and written
# last, so that a build that was cut off is a build that is done again.
door_build() {
  door_env=$1 door_python=$1/bin/python
  door_wanted=$door_root/requirements/$2.lock
  door_log=$1/correctless.log
  mkdir -p "${1%/*}" 2>/dev/null
  door_lock "$1" || door_refuse "cannot write to ${1%/*}. $(door_by_hand)"
  door_checksum "$door_wanted" || door_refuse "there is no $door_wanted: this checkout is not whole. run: git -C $(door_quote "$door_root") checkout requirements"
  if door_is_stamped "$1" "$2"; then # by the one we waited for
    door_unlock
    return 0
  fi
  { mkdir -p "$1" && printf '' >"$door_log" && printf '' >"$1/correctless.stamp"; } 2>/dev/null ||
    door_refuse "cannot write to $1. $(door_by_hand)"
  door_say "preparing $1 (once; needs the network, takes 5 to 60 seconds)"
  door_install || door_refuse "could not prepare $1: $(door_reason). $(door_by_hand)"
  {
    printf '%s %s\n' "$2" "$door_sum"
    if [ "$2" = dev ]; then door_checksum "$door_lock_file" && printf 'run %s\n' "$door_sum"; fi # it holds all of run.lock
  } >"$1/correctless.stamp.new" && mv "$1/correctless.stamp.new" "$1/correctless.stamp" ||
    door_refuse "cannot write to $1. $(door_by_hand)"
  door_say "ready"
  door_unlock
}

# uv takes a second where pip takes half a minute; but it does not read pip's settings, which may name the only index
# this machine can reach, so what fails by uv is tried by pip.
door_install() {
  door_base
  door_runs=
  # A link that now leads to a wrapper of another Python is no environment: what is installed by it goes elsewhere.
  "$door_python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)' >/dev/null 2>&1 && door_runs=1
  if command -v uv >/dev/null 2>&1; then
    # without a Python of its own the machine may still get one from uv
    if [ -n "$door_runs" ] || door_quietly uv venv --allow-existing --python "${door_base:->=3.11}" "$door_env"; then
      door_say "installing the packages of ${door_wanted##*/} with uv"
      door_quietly uv pip install --python "$door_python" --require-hashes -r "$door_wanted" && return 0
      door_say "uv could not; trying pip"
    fi
  fi
  [ -n "$door_base" ] || return 1
  # venv keeps a link to an interpreter that is gone
  [ -n "$door_runs" ] || rm -f "$door_env"/bin/python "$door_env"/bin/python3 "$door_env"/bin/python3.*
  if [ -z "$door_runs" ] || ! "$door_python" -I -c 'import pip' >/dev/null 2>&1; then
    door_quietly "$door_base" -I -m venv "$door_env" || return 1
  fi
  door_say "installing the packages of ${door_wanted##*/} with pip"
  door_quietly "$door_python" -I -m pip install --require-virtualenv --disable-pip-version-check --no-input --require-hashes -r "$door_wanted"
}

door_has_venv() { (cd / && exec "$door_base" -I -c 'import ensurepip, venv') >/dev/null 2>&1; }

# Did the installer say that it reached nobody?
door_is_offline() {
  grep -iE -q 'name resolution|name or service not known|nodename nor servname|dns error|unreachable|connection refused|newconnectionerror|error sending request|failed to fetch|timed out|proxyerror' "$door_log" 2>/dev/null
}

# Why it failed, as far as one line can say it.
door_reason() {
  if [ -z "$door_base" ]; then
    printf 'there is no Python 3.11 or newer on PATH'
  elif ! door_has_venv; then
    printf '%s has no venv module' "$door_base"
  elif door_is_offline; then
    printf 'the package index can not be reached (all of it in %s)' "$door_log"
  else
    # the last line that speaks of an error, without colours and control characters
    door_line=$(grep -i 'error' "$door_log" 2>/dev/null | tail -n 1 | tr -d '\000-\037\177' | cut -c 1-200)
    printf '%s (all of it in %s)' "${door_line:-the installer failed}" "$door_log"
  fi
}

# The command a person runs where no door may write or nothing could be fetched. Each door looks at both places.
door_by_hand() {
  [ -n "${door_base:-}" ] || door_base
  if [ -z "$door_base" ]; then
    printf 'run: sudo apt-get install python3.11-venv (macOS: brew install python3), and then the same again'
    return
  fi
  if ! door_has_venv; then
    printf 'run: sudo apt-get install %s-venv, and then the same again' \
      "$(cd / && "$door_base" -I -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null)"
    return
  fi
  door_home=$door_env
  { [ -d "${door_env%/*}" ] && [ -w "${door_env%/*}" ]; } || door_home=${HOME:-/tmp}/.correctless-venv
  printf 'run: %s -m venv %s && %s -m pip install --require-hashes -r %s' "$door_base" \
    "$(door_quote "$door_home")" "$(door_quote "$door_home/bin/python")" "$(door_quote "$door_wanted")"
  [ -n "${HOME:-}" ] || [ "$door_home" = "$door_env" ] || printf ' && export VIRTUAL_ENV=%s' "$(door_quote "$door_home")"
}

# `correctless ARGS` in place of this shell. -I keeps the caller's folder and PYTHON* out, and leaves nothing in the
# environment for the agents; the package is found by the path of the file that is run.
door_exec() {
  if ! door_find; then
    [ -z "$door_installed" ] || door_refuse "no Python 3.11 with its packages was found. run: python3 -m pip install correctless"
    # A plugin's own folder is replaced by its next version; its data folder stays.
    if [ -n "$door_data" ]; then door_env=$door_data/venv; else door_env=$door_root/.venv; fi
    door_build "$door_env" run
  fi
  # So that a message can name a command that works where it is read.
  CORRECTLESS_DOOR=$door_scripts/correctless
  export CORRECTLESS_DOOR
  # The linter seldom needs an installed package, and looks for their folders then: -S.
  if [ "${1:-}" = lint ]; then door_flags=-IS; else door_flags=-I; fi
  exec "$door_python" "$door_flags" "$door_package/__main__.py" "$@"
}
