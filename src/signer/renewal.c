/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What goes on by itself as time passes: the server's certificate is renewed at two thirds of its life, and what nobody here can renew is warned of. The
 * clock is asked each minute, because a timer counts neither the sleep of a host nor what its clock is set by. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#define LOOK_EVERY_S 60
#define TOLD_EVERY_S 3600

static const char advice_external[] = "renew tls_certificate and reload: sisd cannot renew what another authority has issued";
static const char advice_own[] = "sisd could not renew it: see TLS_IDENTITY_KEPT";
static const char advice_former[] = "its successor signs, but devices that have not connected since need an invite after that";
static const char advice_ca[] = "no certificate outlives it, and devices cannot enroll or renew after it: see \"sisctl ca\" in sisctl(8)";

/* A clock that was ahead has left a certificate that is not valid yet. */
static bool identity_is_due(const struct identity *identity, int64_t now)
{
	return now >= identity->renew_at || now < identity->made;
}

static void tell_failure(struct signer *signer, const char *reason, int64_t now)
{
	if (!signer->renewal_failed || now < signer->renewal_told || now - signer->renewal_told >= TOLD_EVERY_S) {
		log_event(&LOG(TLS_IDENTITY_KEPT, .reason = reason));
		signer->renewal_told = now;
	}
	signer->renewal_failed = true;
}

static void renew_identity(struct signer *signer, int64_t now)
{
	const char *reason = "";
	if (identity_make(signer, &reason) < 0)
		tell_failure(signer, reason, now);
	else
		signer->renewal_failed = false;
}

static void look_at_ends(struct signer *signer, int64_t now)
{
	if (signer->external.generation != 0)
		ending_look(&signer->external_ending, "the server's certificate, from tls_certificate,", signer->external.not_after, now, advice_external);
	else
		ending_forget(&signer->external_ending);
	if (signer->renewal_failed)
		ending_look(&signer->server_ending, "the server's certificate", signer->identity.not_after, now, advice_own);
	else
		ending_forget(&signer->server_ending);
	for (unsigned i = 0; i < signer->n_generations; i++) {
		struct generation *generation = &signer->generations[i];
		bool is_last = i + 1 == signer->n_generations;
		ending_look(&generation->ending, is_last ? "the certificate authority" : "the former certificate authority", generation->not_after, now,
		            is_last ? advice_ca : advice_former);
	}
}

static void schedule(struct signer *signer, int64_t now)
{
	int64_t left_s = signer->identity.renew_at - now;
	bool is_soon = left_s > 0 && left_s < LOOK_EVERY_S;
	loop_timer_set(signer->renewal, (is_soon ? left_s : LOOK_EVERY_S) * 1000);
}

void renewal_tick(void *arg)
{
	struct signer *signer = arg;
	int64_t now = time_now();
	if (identity_is_due(&signer->identity, now))
		renew_identity(signer, now);
	look_at_ends(signer, now);
	schedule(signer, now);
}

void renewal_start(struct signer *signer)
{
	signer->renewal_failed = false;
	renewal_tick(signer);
}
