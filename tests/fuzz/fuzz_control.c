/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whatever comes on the control socket: every message is a call of the table, or refused with an error and a reason that is text. */
#include "base/text.h"
#include "ledger/control_call.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_call_text call;
	struct control_refusal refusal = { 0 };
	bool oneway;
	if (control_call_parse((struct span){ data, size }, &call, &refusal, &oneway) < 0) {
		if (refusal.error == NULL || !utf8_is_valid(span_from_string(refusal.about)))
			abort();
		return 0;
	}
	if (call.method >= CONTROL_METHODS || !json_is_object(call.parameters) || call.oneway != oneway)
		abort();
	json_decref(call.parameters);
	return 0;
}
