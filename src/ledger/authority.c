/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The certificate authority as the database knows it, and when it gets a successor: at two thirds of its life, like every certificate here, so that what
 * it has signed, and who knows only it, has the last third to come over. The key is the signer's affair. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "pki/pki.h"

#include <stdlib.h>
#include <string.h>

#define BUNDLE_MAX_BYTES (64 * 1024)
#define TRY_EVERY_S 86400

struct authority_change { struct change change; bool is_first; size_t der_size, bundle_size; uint8_t bytes[]; };

static struct {
	unsigned n_living;
	uint8_t living[AUTHORITIES_MAX][STORE_FINGERPRINT_BYTES];       /* the one in force first */
	int64_t not_before, not_after;          /* of the one in force */
	int64_t tried;                          /* when a successor was last asked for by itself */
	unsigned n_storing;
	struct control_call *waiting;           /* for the answer, which comes when it is stored */
} authority;

/* ------------------------------------------------ what the signer has ------------------------------------------------ */

static int authority_run(struct store_writer *writer, struct change *change)
{
	struct authority_change *made = (struct authority_change *)change;
	int r = store_set_meta(writer, "ca", (struct span){ made->bytes, made->der_size });
	return r < 0 ? r : store_set_meta(writer, "cacerts", (struct span){ made->bytes + made->der_size, made->bundle_size });
}

static void authority_say_done(void)
{
	char fingerprint[2 * STORE_FINGERPRINT_BYTES + 1];
	hex_encode(ledger.ca_fingerprint, STORE_FINGERPRINT_BYTES, fingerprint);
	control_reply(authority.waiting, json_pack("{s:s}", "fingerprint", fingerprint), false);
	authority.waiting = NULL;
}

static void authority_done(struct completion *completion)
{
	struct authority_change *made = (struct authority_change *)completion;
	if (made->change.result < 0) {
		audit_store_failed(made->change.result, "the certificate authority was not stored");
	} else if (made->is_first) {
		ledger.has_ca = true;
		crl_start();
	} else {
		crl_publish(NULL, NULL);
	}
	free(made);
	if (--authority.n_storing == 0 && authority.waiting != NULL)
		authority_say_done();
}

unsigned authority_n_living(void)
{
	return authority.n_living;
}

const uint8_t *authority_fingerprint(unsigned generation)
{
	return authority.living[generation < authority.n_living ? generation : 0];
}

static void authority_count(struct span bundle)
{
	struct span der;
	struct certificate facts;
	authority.n_living = 0;
	while (authority.n_living < AUTHORITIES_MAX && authorities_next(&bundle, &der)) {
		if (certificate_is_ca(der) < 0 || certificate_parse(der, &facts) < 0 || (authority.n_living > 0 && facts.not_after <= time_now()))
			continue;
		memcpy(authority.living[authority.n_living++], facts.fingerprint, STORE_FINGERPRINT_BYTES);
	}
}

void authority_handle_ca(const struct message_ca *message)
{
	struct certificate facts;
	if (message->certificate.size == 0 || message->certificate.size > CERTIFICATE_MAX_BYTES || message->bundle.size > BUNDLE_MAX_BYTES ||
	    certificate_parse(message->certificate, &facts) < 0)
		return;
	struct authority_change *made = malloc(sizeof(*made) + message->certificate.size + message->bundle.size);
	if (made == NULL)
		return;
	*made = (struct authority_change){ .change = { .run = authority_run, .completion.done = authority_done }, .is_first = authority.not_after == 0,
	                                   .der_size = message->certificate.size, .bundle_size = message->bundle.size };
	memcpy(made->bytes, message->certificate.data, made->der_size);
	memcpy(made->bytes + made->der_size, message->bundle.data, made->bundle_size);
	certificate_fingerprint(message->certificate, ledger.ca_fingerprint);
	authority_count(message->bundle);
	authority.not_before = facts.not_before;
	authority.not_after = facts.not_after;
	authority.n_storing++;
	transact_submit(&made->change);
}

/* ------------------------------------------------ the successor ------------------------------------------------ */

static void authority_rolled_over(int error, const char *detail, void *arg)
{
	if (error < 0)
		audit_event(&LOG(CA_ROLLOVER_FAILED, .reason = *detail != '\0' ? detail : error_text(error)));
}

void authority_tick(void)
{
	int64_t now = time_now(), due = authority.not_before + (authority.not_after - authority.not_before) / 3 * 2;
	if (authority.not_after == 0 || clock_is_doubtful() || now < due || (now >= authority.tried && now - authority.tried < TRY_EVERY_S))
		return;
	authority.tried = now;
	signer_roll_over(authority_rolled_over, NULL);
}

static void authority_answer(int error, const char *detail, void *arg)
{
	if (error < 0) {
		control_fail_error(arg, error, *detail != '\0' ? detail : NULL);
		return;
	}
	/* The next one is a day away: nobody waits already. */
	authority.waiting = arg;
	if (authority.n_storing == 0)
		authority_say_done();
}

void authority_roll_over(struct control_call *call)
{
	signer_roll_over(authority_answer, call);
}

/* ------------------------------------------------ the list ------------------------------------------------ */

static const char *authority_state(const struct certificate *facts)
{
	if (memcmp(facts->fingerprint, ledger.ca_fingerprint, STORE_FINGERPRINT_BYTES) == 0)
		return "in force";
	return facts->not_after <= time_now() ? "ended" : "former";
}

static int authority_add(json_t *list, struct span der)
{
	struct certificate facts;
	char fingerprint[2 * FINGERPRINT_BYTES + 1], begins[TIME_TEXT + 1] = "", ends[TIME_TEXT + 1] = "";
	if (certificate_is_ca(der) < 0 || certificate_parse(der, &facts) < 0)
		return 0;                       /* what they sign for each other */
	hex_encode(facts.fingerprint, FINGERPRINT_BYTES, fingerprint);
	time_encode(facts.not_before, begins);
	time_encode(facts.not_after, ends);
	json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "fingerprint", fingerprint, "state", authority_state(&facts), "not_before", begins, "not_after", ends);
	return row != NULL && json_array_append_new(list, row) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

static int authority_add_all(struct span bundle, void *arg)
{
	struct span der;
	int r = 0;
	while (r == 0 && authorities_next(&bundle, &der))
		r = authority_add(arg, der);
	return r;
}

void authority_list(struct control_call *call)
{
	json_t *list = json_array();
	int r = store_get_cacerts(ledger.view, authority_add_all, list);
	if (r == 0) {
		control_reply(call, json_pack("{s:o}", "authorities", list), false);
		return;
	}
	json_decref(list);
	control_fail_error(call, r, NULL);
}
