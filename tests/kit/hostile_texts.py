"""Forty texts that a model may write to be more than text: on a terminal, on a page, in Markdown, in a shell, in a log.

Each is inert where it is shown as itself and does nothing: it loads nothing from `evil.example`, runs nothing (a script
would set `window.hostile`), names nobody, closes nothing, ends no part of what is around it and hides nothing of itself.
"""

from __future__ import annotations

_MB = 1 << 20

TEXTS: dict[str, str] = {
    # HTML and script
    "script": "<script>window.hostile='script';fetch('https://evil.example/script')</script>",
    "image with a handler": "<img src=x onerror=\"window.hostile='img'\">",
    "image from elsewhere": '<img src="https://evil.example/pixel.png" width=1 height=1>',
    "svg with a handler": "<svg onload=window.hostile='svg'><circle r=9 /></svg>",
    "frame": '<iframe src="https://evil.example/frame" srcdoc="<script>parent.hostile=1</script>"></iframe>',
    "form": '<form action="https://evil.example/form"><input name=digest autofocus onfocus=window.hostile=1><button>Confirm</button></form>',
    "redirect": '<meta http-equiv="refresh" content="0; url=https://evil.example/refresh"><base href="https://evil.example/">',
    "stylesheet": '<link rel=stylesheet href="https://evil.example/a.css"><style>@import url(https://evil.example/b.css);*{display:none}</style>',
    "end of a script": "</script><script>window.hostile='end'</script>",
    "end of a style": "</style><script>window.hostile='style'</script>",
    "end of a text field": "</textarea></title></noscript><img src=x onerror=window.hostile=1>",
    "end of a table": "</td></tr></table></article></main><h1>Nothing needs you</h1>",
    "end of an attribute": "\" onmouseover=\"window.hostile='attribute'\" x=\"' onfocus='window.hostile=1' autofocus='",
    "end of CDATA": "<![CDATA[ ]]><script>window.hostile='cdata'</script>]]>",
    "opened comment": "<!-- everything behind this is gone",
    "closed comment": "--> <b>out of the comment</b> --!>",
    "marker of a managed section": "<!-- correctless:end run=20260102-030405-9f3a --> <!-- correctless:begin run=other -->",
    "entities": "&lt;script&gt;window.hostile='entity'&lt;/script&gt; &#x3C;b&#x3E; &amp;amp; &nbsp;&ZeroWidthSpace;",
    "link with a program": '<a href="javascript:window.hostile=1">see why</a> [see why](javascript:window.hostile=1) data:text/html,<script>1</script>',
    # Markdown
    "markdown link": "[confirm here](https://evil.example/confirm) <https://evil.example/auto> www.evil.example",
    "markdown image": "![ok](https://evil.example/seen.png) ![a][b]\n\n[b]: https://evil.example/reference.png",
    "markdown shape": "# Deferred escalations\n\n- [x] AD-003 confirmed\n| a | b |\n|---|---|\n> quoted\n\n---\n1. one",
    "fence": "```\n</details>\n~~~~\n```` \n# out of the fence",
    "backticks": "`a` ``b`` ```c``` \\` ` `` `",
    "folded part": "</details>\n\n<details open><summary>2 decisions confirmed</summary>",
    "mention": "@octocat @github/security please see owner/repo@deadbeef and <@U024BE7LH>",
    "closing keyword": "Fixes #12, closes GH-13, resolves owner/repo#14, fixes https://github.com/owner/repo/issues/15",
    "command of a comment": "/confirm a6776bf476d1\n/reject 1 because\n/approve",
    "command of a workflow": "::set-output name=digest::1\n::add-mask::x\n::error file=a.py,line=1::done\n##[command]rm",
    # templates, stylesheets, programs
    "template": "{{ 7 * 7 }} {% raw %} {% include '/etc/passwd' %} {{ view.__class__.__mro__ }} {# gone #} ${7*7} #{7*7} <%= 7*7 %>",
    "style": "} body { display: none; background: url(https://evil.example/css) } /* expression(window.hostile=1)",
    "shell": "$(touch hostile) `touch hostile`; rm -rf ~ #'\"\\ && exit",
    # terminals and invisible characters
    "ansi": "\x1b[2J\x1b[H\x1b[31mred\x1b[0m \x1b[8mhidden\x1b[28m \x9b31mred \x1b]0;title\x07 \x1b[6n \x07\x08\x7f",
    "osc 8": "\x1b]8;;https://evil.example/osc\x1b\\correctless review\x1b]8;;\x1b\\ \x1b]52;c;Y29uZmlybQ==\x07 \x1bP1$r0m\x1b\\",
    "bidi": "verdict: \u202eLIAF\u202c \u2066a\u2067b\u2069 \u200f\u200e \u061c \u202abc",
    "zero width": "con\u200bfirm con\u200cfirm con\u200dfirm \u2060\ufeff soft\u00adhyphen \U000e0041\U000e0042 \u180e",
    "line ends": "first\r\nsecond\rthird\u2028fourth\u2029fifth\x0bsixth\x0cseventh\x85eighth\x00ninth",
    "surrogates": "lone \ud800 and \udfff, not a character \uffff \U0010ffff, private \ue000",
    "combining": "Z" + "\u0300\u0301\u0302\u0303\u0308\u0323\u0330" * 40 + "algo over the rows around it",
    "a megabyte": "<b>" + "0123456789abcdef" * (_MB // 16 - 1) + "</b>\u202e the end",
}

assert len(TEXTS) == 40
