# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of pages and completion share."""
import mdoc


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def page(name):
    return mdoc.read(f"man/{name}")


def same(what, documented, real, of="the program"):
    """Both ways: what is documented and not there, what is there and not documented."""
    documented, real = set(documented), set(real)
    wrong = []
    if real - documented:
        wrong.append(f"{what} lacks {' '.join(sorted(real - documented))}, which {of} has")
    if documented - real:
        wrong.append(f"{what} has {' '.join(sorted(documented - real))}, which {of} has not")
    if wrong:
        raise Failed("; ".join(wrong))
