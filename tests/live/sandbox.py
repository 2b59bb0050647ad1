#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
sandbox.py UNIT CMD...: runs CMD behind the seccomp filters that systemd makes of UNIT's SystemCallFilter,
RestrictAddressFamilies and RestrictNamespaces, without systemd. What they do not allow kills CMD, whatever the
unit says that it should do: so a test sees it. The caller has set no_new_privs, or is root.
"""
import ctypes
import os
import socket
import subprocess
import sys

KILL, ALLOW = 0x80000000, 0x7fff0000
EQUAL, MASKED = 4, 7    # enum scmp_compare
NAMESPACES = {"cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000, "pid": 0x20000000,
              "net": 0x40000000, "mnt": 0x00020000}


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def setting(text, name):
    """The words of all lines `name=`."""
    return " ".join(line.partition("=")[2] for line in text.splitlines() if line.startswith(name + "=")).split()


def system_calls(words):
    """Their names, those of @groups included."""
    for word in words:
        if not word.startswith("@"):
            yield word
            continue
        listed = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", word], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        yield from system_calls(line.strip() for line in listed.splitlines()[1:] if not line.strip().startswith("#"))


class Filter:
    def __init__(self, otherwise):
        self.lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(otherwise)))

    def add(self, action, name, *compare):
        number = self.lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:    # not on this architecture
            return
        array = (Compare * len(compare))(*compare)
        status = self.lib.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number, len(compare), array)
        assert status in (0, -17), (name, status)

    def load(self):
        assert self.lib.seccomp_load(self.context) == 0, "seccomp_load"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        unit = f.read()
    families = [getattr(socket, word) for word in setting(unit, "RestrictAddressFamilies")]
    kept = sum(NAMESPACES[word] for word in setting(unit, "RestrictNamespaces"))
    refused = Filter(ALLOW)
    for family in range(64):
        if family not in families:
            refused.add(KILL, "socket", Compare(0, EQUAL, family, 0))
    refused.add(KILL, "setns", Compare(1, EQUAL, 0, 0))
    for flag in NAMESPACES.values():
        if not flag & kept:
            for call, arg in (("setns", 1), ("unshare", 0), ("clone", 0)):
                refused.add(KILL, call, Compare(arg, MASKED, flag, flag))
    allowed = Filter(KILL)
    for name in {*system_calls(setting(unit, "SystemCallFilter")), *system_calls(["@default"]), "execve"}:
        allowed.add(ALLOW, name)
    refused.load()
    allowed.load()
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
