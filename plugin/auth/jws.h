/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_JWS_H
#define HC_AUTH_JWS_H
/* Signed texts: the compact form of RFC 7515, apart from what the payload means (jwt.h).
 *
 * Strict: three parts of base64url without padding and without spare bits, a header of one JSON object without doubled keys. `alg` and
 * `kid` are the only things that a header decides, `crit` is refused (so is all that would need it, such as b64: false), and keys
 * brought along (jwk, jku, x5c, x5u) are never looked at. Any thread, never blocks, no allocation is left behind. */

#include <jansson.h>
#include <stdbool.h>

#include "plugin/auth/keys.h"

enum {
	JWS_MAX = 8192,    /* bytes of the whole text */
	JWS_TRIES_MAX = 8, /* keys tried for one text; further ones that would fit are not */
};

struct jws {
	const char *token; /* the caller's; must stay while the jws is used */
	size_t signed_len; /* header and payload with the dot between them */
	const struct alg *alg;
	json_t *header;
	unsigned char bytes[JWS_MAX]; /* payload, then signature */
	const unsigned char *payload, *signature;
	size_t payload_len, signature_len;
};

/* Takes the text apart; nothing is verified yet. false: err says what is wrong, without quoting more than alg or typ; jws needs no fini. */
bool jws_read(const char *token, size_t len, struct jws *jws, struct error *err);
void jws_fini(struct jws *jws);

/* Sorted by what the caller does next. */
enum jws_rc {
	JWS_OK,     /* one of the keys signed it */
	JWS_NO_KEY, /* none of them could have: perhaps there are newer ones */
	JWS_BAD,    /* one could have, and none did */
};

/* A key is tried when its algorithm is the header's `alg`, and when its kid and the header's are equal or one of the two has none. */
enum jws_rc jws_verify(const struct jws *jws, const struct key_set *keys, struct error *err);

/* The header's, NULL: none. It stays as long as the jws. */
const char *jws_kid(const struct jws *jws);

#endif
