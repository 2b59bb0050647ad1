/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts_layout: no socket; where the fields of struct facts are that test_loss.py changes, in bytes, and the flag it sets.
 */
#include <stddef.h>
#include "trigger.h"
#include "../../include/facts.h"

int main(void)
{
	trigger_begin("layout");
	fact("flags=%zu released_ns=%zu sk=%zu released=%u", offsetof(struct facts, flags),
	     offsetof(struct facts, released_ns), offsetof(struct facts, sk), FACT_RELEASED);
	return 0;
}
