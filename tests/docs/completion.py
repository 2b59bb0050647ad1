# SPDX-License-Identifier: GPL-2.0-or-later
"""The completions of bash and zsh: what the tables give, and what the shells make of it."""
import functools
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import tempfile

import tables
from common import Failed, Skipped, same

DIRECTORY = os.path.abspath("contrib/completion")


def generator():
    loader = importlib.machinery.SourceFileLoader("generate", f"{DIRECTORY}/generate")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


def up_to_date(program):
    run = subprocess.run([f"{DIRECTORY}/generate", "--check", program], capture_output=True, text=True, timeout=60)
    if run.returncode:
        raise Failed(" ".join((run.stdout + run.stderr).split("\n")).strip())


def accepted(program):
    """The program takes each value that is offered; of --event, none that is not."""
    generate = generator()
    made = generate.Program(program)

    def takes(command, option, value):
        return subprocess.run([program, command, f"--{option}={value}", "--help"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode == 0

    for option in made.by_name.values():
        command = next(c for c in made.commands if any(o.name == option.name for o in made.options[c]))
        for value in generate.values(option) or []:
            if not takes(command, option.name, value):
                raise Failed(f"--{option.name} does not take {value}")
    for value in ("start", "segment", "lost", "clock", "seal", "stop"):
        if takes("trace", "event", value):
            raise Failed(f"--event takes {value}, which is not offered")
    for topic in [*made.commands, "findings"]:
        tables.help_page(program, topic)


# --- the shells ---------------------------------------------------------------------------------

BASH = r"""
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_socklife
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(words, where="."):
    """What bash offers for the last of words; "--option=value" is given as bash splits it."""
    run = subprocess.run(["bash", "--norc", "-c", BASH, "bash", f"{DIRECTORY}/socklife.bash", "socklife", *words],
                         cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if run.stderr or run.returncode:
        raise Failed(f"bash, {' '.join(words)}: {run.stderr.strip()} (status {run.returncode})")
    return run.stdout.splitlines()


# A shell in a terminal of its own types the line and Tab; compadd is where all that is offered passes through. What
# is looked at is the second completion: the first one loads the file.
ZSH = r"""
zmodload zsh/zpty
zpty -b shell "ZDOTDIR=$2 zsh -f -i"
say() { zpty -w shell "$1"; }
say "fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; cd $2; PS1= PROMPT_EOL_MARK= LISTMAX=10000"
say 'compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
local -a all; builtin compadd -O all "$@"; ((${#all})) && print -rl -- "${all[@]}" >>offered; builtin compadd "$@" }'
say 'finish() { print -r -- "$BUFFER" >line; zle .kill-buffer }; zle -N finish; bindkey "^X" finish'
say 'forget() { rm -f offered; zle .kill-buffer }; zle -N forget; bindkey "^B" forget'
say "touch ready"
for i in {1..600}; do [[ -e $2/ready ]] && break; sleep 0.05; done
zpty -w -n shell $'socklife v\t\x02'
zpty -w -n shell "$3"$'\t\x18'
for i in {1..600}; do [[ -s $2/line ]] && break; sleep 0.05; done
zpty -d shell
"""


def zsh(line):
    """What zsh offers for the end of a line, and the line after Tab."""
    with tempfile.TemporaryDirectory(prefix="socklife-zsh-") as home:
        subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", DIRECTORY, home, line], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
        try:
            with open(f"{home}/line", encoding="utf-8") as f:
                after = f.read().rstrip("\n")
        except FileNotFoundError:
            raise Failed(f"zsh, {line}: no completion came back") from None
        offered = []
        if os.path.exists(f"{home}/offered"):
            with open(f"{home}/offered", encoding="utf-8") as f:
                offered = f.read().splitlines()
        return offered, after


def spelled(program, command):
    return {s for o in tables.options(program, command) for s in ([f"-{o.letter}"] if o.letter else []) +
            [f"--{o.name}"]}


def bash_options(program):
    same("bash, commands", bash([""]), tables.commands(program))
    for command in tables.commands(program):
        same(f"bash, options of {command}", bash([command, "-"]), spelled(program, command))


def bash_values():
    def offers(words, expected):
        if bash(words) != expected:
            raise Failed(f"bash, {' '.join(words)}: {bash(words)}, not {expected}")

    offers(["-v", "tr"], ["trace"])
    offers(["trace", "--event", "s"], ["snapshot", "state"])
    offers(["trace", "--event", "=", "bind,clo"], ["bind,close"])
    offers(["report", "--errno", "ECONNREF"], ["ECONNREFUSED"])
    offers(["record", "--on-full", "d"], ["drop-oldest"])
    offers(["record", "--sync", "="], ["none", "seal"])
    offers(["ports", "--proto", "u"], ["udp"])
    offers(["help", "fi"], ["findings"])
    offers(["trace", "-u", "roo"], ["root"])
    offers(["trace", "-p", str(os.getpid())], [str(os.getpid())])
    offers(["trace", "-P", ""], [])
    if "true" not in bash(["trace", "--json", "--", "tru"]):
        raise Failed("bash: no commands behind --")


def bash_paths():
    with tempfile.TemporaryDirectory(prefix="socklife-docs-") as where:
        os.mkdir(f"{where}/logs")
        with open(f"{where}/list", "w", encoding="utf-8"):
            pass
        same("bash, verify", bash(["verify", "l"], where), ["logs", "list"], "the directory")
        same("bash, --dir", bash(["record", "--dir", "l"], where), ["logs"], "the directory")
        same("bash, ports", bash(["ports", "l"], where), [], "the directory")
        same("bash, ports --at", bash(["ports", "--at", "yesterday", "l"], where), ["logs", "list"], "the directory")


def hostile_names():
    """A process whose name is a command: offered, quoted, not run."""
    name = "$(>pwned)"
    with tempfile.TemporaryDirectory(prefix="socklife-docs-") as where:
        os.symlink(shutil.which("sleep"), f"{where}/{name}")
        process = subprocess.Popen([f"{where}/{name}", "60"])
        try:
            offered = bash(["trace", "--comm", ""], where)
        finally:
            process.kill()
            process.wait()
        if r"\$\(\>pwned\)" not in offered:
            raise Failed(f"bash: a process of the name {name} is not offered, quoted")
        if os.path.exists(f"{where}/pwned"):
            raise Failed("bash: the name of a process was run as a command")


def zsh_real(program):
    if not shutil.which("zsh"):
        raise Skipped("no zsh")

    def completes(line, after):
        became = zsh(line)[1].rstrip(", ")  # in a list a comma follows, which zsh takes back
        if became != after:
            raise Failed(f"zsh, {line}: became '{became}', not '{after}'")

    same("zsh, commands", zsh("socklife ")[0], tables.commands(program))
    same("zsh, options of trace", zsh("socklife trace -")[0], spelled(program, "trace"))
    completes("socklife -v keyg", "socklife -v keygen")
    completes("socklife trace --event bind,clo", "socklife trace --event bind,close")
    completes("socklife record --on-full=d", "socklife record --on-full=drop-oldest")
    completes("socklife help find", "socklife help findings")
    completes("socklife trace --json -- socklife verify --hea", "socklife trace --json -- socklife verify --head=")


def tests(program):
    yield "completion.up_to_date", functools.partial(up_to_date, program)
    yield "completion.values", functools.partial(accepted, program)
    yield "completion.bash.options", functools.partial(bash_options, program)
    yield "completion.bash.values", bash_values
    yield "completion.bash.paths", bash_paths
    yield "completion.bash.hostile", hostile_names
    yield "completion.zsh", functools.partial(zsh_real, program)
