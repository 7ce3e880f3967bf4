/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What client.c and verify.c share: whom the client believes, and what it found. */
#pragma once

#include "tls/session.h"

struct tls_client {
	gnutls_certificate_credentials_t credentials;
	char *server_name;
	struct blob ca;                 /* when given, or once found by its fingerprint; and whom it vouches for */
	bool by_fingerprint, resume_is_checked;
	uint8_t ca_fingerprint[FINGERPRINT_BYTES];
	int verify_error;
};

/* verify.c: what GnuTLS calls during the handshake, before our own certificate is sent to whoever this is. */
int client_on_certificate(gnutls_session_t gnutls);
