/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_certificate and tls_key, which somebody else has made: read, and looked at as those will who are shown them. For a start, a reload and
 * sisd --check alike. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "sandbox/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* What ACME clients are told to get the right one. */
#define WRONG_KIND "the key of tls_certificate must be ECDSA P-256 or Ed25519, not RSA or another: order one with certbot renew --force-renewal --key-type ecdsa " \
	"--elliptic-curve secp256r1, or acme.sh --keylength ec-256"
#define FILE_MAX_BYTES 65536

/* The descriptor may have been read before, by the signer's predecessor: so not from where it stands. */
static int read_fd(int fd, char **ret_data, size_t *ret_size)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return -SIS_ERR_BAD_FORMAT;
	if (st.st_size > FILE_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	size_t size = (size_t)st.st_size;
	CLEANUP_FREE char *data = calloc(1, size + 1);
	if (data == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = fd_pread_all(fd, data, size, 0);
	if (r < 0) {
		secret_wipe(data, size);
		return r;
	}
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	return 0;
}

/* Every certificate of a PEM file, in its order. */
static int chain_parse(const char *pem, struct builder *chain, struct certificate *ret_leaf)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	unsigned n = 0;
	for (const char *at = strstr(pem, begin), *to; at != NULL; at = strstr(to, begin), n++) {
		CLEANUP_BLOB struct blob der = { NULL, 0 };
		to = strstr(at, end);
		if (to == NULL || n == CHAIN_MAX_CERTIFICATES)
			return -SIS_ERR_BAD_FORMAT;
		to += sizeof(end) - 1;
		int r = certificate_from_pem((struct span){ (const uint8_t *)at, (size_t)(to - at) }, &der);
		if (r == 0 && n == 0)
			r = certificate_parse((struct span){ der.data, der.size }, ret_leaf);
		if (r < 0)
			return r;
		builder_put_sized(chain, der.data, der.size);
	}
	return n == 0 || chain->failed ? -SIS_ERR_BAD_FORMAT : 0;
}

static int take_chain(int fd, struct identity *identity, struct certificate *ret_leaf)
{
	CLEANUP_FREE char *pem = NULL;
	size_t size;
	int r = read_fd(fd, &pem, &size);
	if (r < 0)
		return r;
	identity->chain.data = malloc(CHAIN_MAX_BYTES);
	if (identity->chain.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct builder chain = builder_from(identity->chain.data, CHAIN_MAX_BYTES);
	r = chain_parse(pem, &chain, ret_leaf);
	if (r < 0)
		return r;
	identity->chain.size = chain.size;
	identity->not_after = ret_leaf->not_after;
	return 0;
}

static int take_key(int fd, struct identity *identity)
{
	char *pem = NULL;
	size_t size;
	int r = read_fd(fd, &pem, &size);
	if (r < 0)
		return r;
	r = signing_key_from_pem((struct span){ (const uint8_t *)pem, size }, NULL, &identity->key);
	secret_wipe(pem, size);
	free(pem);
	return r;
}

int external_read(int chain_fd, int key_fd, struct identity *identity, const char **ret_reason)
{
	struct certificate leaf;
	int r = take_chain(chain_fd, identity, &leaf);
	if (r < 0) {
		*ret_reason = r == -SIS_ERR_NOT_ALLOWED ? WRONG_KIND : "tls_certificate is no PEM file with a certificate chain";
		return r;
	}
	r = take_key(key_fd, identity);
	*ret_reason = r == -SIS_ERR_NOT_ALLOWED ? WRONG_KIND
	              : r == -SIS_ERR_BAD_LOGIN ? "tls_key is under a passphrase, which nobody can type here"
	                                        : "tls_key is no PEM file with a private key";
	if (r < 0)
		return r;
	*ret_reason = "tls_key is not the key of the first certificate in tls_certificate";
	if (leaf.public_key.algorithm != identity->key.public_key.algorithm ||
	    memcmp(leaf.public_key.bytes, identity->key.public_key.bytes, public_key_size(leaf.public_key.algorithm)) != 0)
		return -SIS_ERR_MISMATCH;
	return 0;
}

/* Nothing of this keeps the server from its work: sis is shown the own certificate. */
const char *external_doubt(const struct identity *identity, const char *names, int64_t now)
{
	static const struct { int error; const char *words; } doubts[] = {
		{ -SIS_ERR_BAD_NAME, "it is for none of server_names: order one for the name that people use, or add that name to server_names" },
		{ -SIS_ERR_UNTRUSTED, "a certificate in its file was not issued by the one that follows: the server's own comes first, then who issued it, and so on, as "
		                      "in an ACME client's fullchain.pem" },
		{ -SIS_ERR_EXPIRED, "it, or one behind it in its file, has ended or not begun yet: renew it, and look at this host's clock" },
	};
	int r = chain_examine((struct span){ identity->chain.data, identity->chain.size }, span_from_string(names), now);
	for (size_t i = 0; i < ARRAY_SIZE(doubts); i++)
		if (doubts[i].error == r)
			return doubts[i].words;
	return r < 0 ? error_text(r) : NULL;
}

/* --- sisd --check --- */

/* Instead of a start: nothing is loaded, and what is read comes from files that somebody else has written, hence the sandbox. */
void external_check(struct signer *signer, struct channel *master, struct channel_packet *packet)
{
	struct message_check_identity message;
	CLEANUP_IDENTITY struct identity identity = { 0 };
	char words[256];
	bool weak = false;
	const char *detail = "sisd started it in a wrong way";
	if (message_check_identity_decode(&packet->payload, &message) < 0 || packet->n_fds != 2 || signer->keys_fd >= 0)
		exit(EX_SOFTWARE);
	struct sandbox_profile profile = { .role = ROLE_SIGNER, .uid = message.uid, .gid = message.gid, .open_files = false };
	CLEANUP_FREE char *names = xcalloc(1, message.server_names.size + 1);
	memcpy(names, message.server_names.data, message.server_names.size);
	int r = sandbox_enter(&profile, words, sizeof(words), &weak);
	if (r == 0)
		r = external_read(packet->fds[0], packet->fds[1], &identity, &detail);
	if (r == 0)
		detail = external_doubt(&identity, names, time_now());
	CHANNEL_SEND(master, packet->id, identity_checked, IDENTITY_CHECKED, &(struct message_identity_checked){
		.status = (uint32_t)-r, .detail = span_from_string(detail != NULL ? detail : "") });
	loop_stop(signer->setup.loop, EX_OK);
}
