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
	signer_rolled_over_fn *rolled_over;     /* one at a time */
	void *rolled_over_arg;
} signer;

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

static void signer_end_roll_over(int error, const char *detail)
{
	signer_rolled_over_fn *fn = signer.rolled_over;
	signer.rolled_over = NULL;
	if (fn != NULL)
		fn(error, detail, signer.rolled_over_arg);
}

static void signer_handle_rolled_over(struct cursor *payload)
{
	struct message_rolled_over message;
	char detail[256] = "";
	if (message_rolled_over_decode(payload, &message) < 0)
		return;
	span_to_string(message.detail, detail, sizeof(detail));
	signer_end_roll_over(-(int)message.status, detail);
}

static void signer_on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	struct message_crl_signed crl;
	struct message_ca ca;
	if (packet->type == MESSAGE_CA && message_ca_decode(&packet->payload, &ca) == 0)
		authority_handle_ca(&ca);
	else if (packet->type == MESSAGE_ROLLED_OVER)
		signer_handle_rolled_over(&packet->payload);
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
	signer_end_roll_over(-SIS_ERR_UNAVAILABLE, "the signer has ended");
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

void signer_roll_over(signer_rolled_over_fn *fn, void *arg)
{
	if (signer.channel == NULL || signer.rolled_over != NULL) {
		fn(signer.channel == NULL ? -SIS_ERR_UNAVAILABLE : -SIS_ERR_BUSY, "another rollover is under way", arg);
		return;
	}
	signer.rolled_over = fn;
	signer.rolled_over_arg = arg;
	(void)CHANNEL_SEND(signer.channel, channel_next_id(signer.channel), roll_over, ROLL_OVER, &(struct message_roll_over){ 0 });
}
