/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The channel to the signer: certificates and revocation lists are asked for, and come when they come. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "pki/pki.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct signer_mint { uint64_t id; signer_minted_fn *fn; void *arg; struct signer_mint *next; };

static struct {
	struct channel *channel;
	struct signer_mint *mints;
} signer;

struct signer_ca { struct change change; size_t size; uint8_t der[]; };

static int signer_run_ca(struct store_writer *writer, struct change *change)
{
	struct signer_ca *ca = (struct signer_ca *)change;
	return store_set_meta(writer, "ca", (struct span){ ca->der, ca->size });
}

static void signer_done_ca(struct completion *completion)
{
	struct signer_ca *ca = (struct signer_ca *)completion;
	if (ca->change.result < 0) {
		audit_store_failed(ca->change.result, "the certificate authority was not stored");
	} else {
		ledger.has_ca = true;
		crl_start();
	}
	free(ca);
}

static void signer_handle_ca(struct cursor *payload)
{
	struct message_ca message;
	if (message_ca_decode(payload, &message) < 0 || message.certificate.size == 0 || message.certificate.size > CERTIFICATE_MAX_BYTES)
		return;
	struct signer_ca *ca = malloc(sizeof(*ca) + message.certificate.size);
	if (ca == NULL)
		return;
	ca->change = (struct change){ .run = signer_run_ca, .completion.done = signer_done_ca };
	ca->size = message.certificate.size;
	memcpy(ca->der, message.certificate.data, ca->size);
	certificate_fingerprint(message.certificate, ledger.ca_fingerprint);
	transact_submit(&ca->change);
}

static void signer_handle_minted(uint64_t id, struct cursor *payload)
{
	struct message_minted message;
	struct signer_mint **at = &signer.mints;
	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	struct signer_mint *mint = *at;
	if (mint == NULL || message_minted_decode(payload, &message) < 0)
		return;
	*at = mint->next;
	mint->fn(&message, mint->arg);
	free(mint);
}

static void signer_on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	struct message_crl_signed crl;
	if (packet->type == MESSAGE_CA)
		signer_handle_ca(&packet->payload);
	else if (packet->type == MESSAGE_MINTED)
		signer_handle_minted(packet->id, &packet->payload);
	else if (packet->type == MESSAGE_CRL_SIGNED && message_crl_signed_decode(&packet->payload, &crl) == 0)
		crl_handle_signed(&crl);
	ledger_step();
}

/* Without a signer there is nothing to be had any more; the master sees the signer's end too and stops the daemon. What is acknowledged is durable. */
static void signer_on_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	if (error == -SIS_ERR_PROTOCOL)
		log_event(&LOG(ROLE_PROTOCOL, .role = "signer", .detail = reason));
	signer.channel = NULL;
	channel_free(channel);
	while (signer.mints != NULL) {
		struct signer_mint *mint = signer.mints;
		signer.mints = mint->next;
		mint->fn(NULL, mint->arg);
		free(mint);
	}
}

int signer_connect(int fd)
{
	return channel_new(ledger.role.loop, fd, ROLE_LEDGER, ROLE_SIGNER, signer_on_packet, signer_on_broken, NULL, &signer.channel);
}

void signer_mint(const struct message_mint *message, signer_minted_fn *fn, void *arg)
{
	struct signer_mint *mint = calloc(1, sizeof(*mint));
	if (mint == NULL || signer.channel == NULL) {
		free(mint);
		fn(NULL, arg);
		return;
	}
	*mint = (struct signer_mint){ channel_next_id(signer.channel), fn, arg, signer.mints };
	signer.mints = mint;
	(void)CHANNEL_SEND(signer.channel, mint->id, mint, MINT, message);
}

void signer_sign_crl(const struct message_sign_crl *message)
{
	static const struct message_crl_signed unavailable = { .status = SIS_ERR_UNAVAILABLE };
	if (signer.channel == NULL || CHANNEL_SEND(signer.channel, channel_next_id(signer.channel), sign_crl, SIGN_CRL, message) < 0)
		crl_handle_signed(&unavailable);
}
