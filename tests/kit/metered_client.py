"""A client that costs money and has usage limits."""

from __future__ import annotations

# Speaks as Claude Code does: AGENT_LIMIT pauses (the first n calls end at a usage limit, which ends at AGENT_UNTIL or, as
# `+3`, three seconds later), else the work of cdocs.
CLIENT = """\
#!{python}
import json, os, pathlib, re, sys, time
if "--version" in sys.argv:
    print("2.1.329 (Claude Code)"); sys.exit()
prompt = sys.stdin.read()
calls = pathlib.Path(os.environ["AGENT_DIARY"])
calls.write_text((calls.read_text() if calls.exists() else "") + "call\\n")
say = lambda **event: print(json.dumps(event), flush=True)
say(type="system", subtype="init", claude_code_version="2.1.329")
if len(calls.read_text().split()) <= int(os.environ.get("AGENT_LIMIT", "0")):
    until = os.environ.get("AGENT_UNTIL")
    if until:
        limit = {{"status": "rejected", "rateLimitType": "five_hour", "resetsAt": float(until) + time.time() * until.startswith("+")}}
        say(type="rate_limit_event", rate_limit_info=limit)
    status = 429 if until else 529
    say(type="result", subtype="success", is_error=True, result="limit", api_error_status=status, total_cost_usd=0.01)
    sys.exit(1)
nonce = re.search(r"^AUTONOMOUS_DECISIONS_START ([0-9a-f]{{8}})$", prompt, re.M)[1]
answer = f"AUTONOMOUS_DECISIONS_START {{nonce}}\\nAUTONOMOUS_DECISIONS_END"
say(type="result", subtype="success", is_error=False, result=answer, terminal_reason="completed", num_turns=1, total_cost_usd=0.5)
"""
