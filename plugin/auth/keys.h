/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_KEYS_H
#define HC_AUTH_KEYS_H
/* Key sets: the keys whose signatures we believe, from a file or from their issuer.
 *
 * A file is a JWK Set (RFC 7517: RSA, EC P-256/384/521, OKP Ed25519/Ed448, oct) or any number of PEM blocks (public keys, certificates).
 *
 * The key fixes the algorithm. It is the JWK's `alg`; a key without one has the single default of alg_default(): an RSA key, for example,
 * verifies RS256 and nothing else. PEM keys have no `alg` and so always the default, and no `kid`.
 *
 * What cannot or must not be used (unknown kty, curve or alg, `use` other than sig, key_ops without verify, RSA below 2048 bits, a short
 * secret, a point off its curve) is passed over; `notes` says which and why, and the others are loaded. A certificate
 * counts as the key in it: its dates and issuer are not looked at, and each one in the file is believed. Private parts are noted and not
 * kept. What comes from the network is a JWK Set, and a secret or a private part in it is known to everybody: such a key is passed over.
 *
 * A set is immutable; loading reads a file and may block (worker, or at start). All else: any thread. */

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "plugin/auth/alg.h"

enum {
	KEYS_MAX = 64,           /* in one set; more are passed over with a note */
	KEYS_FILE_MAX = 1 << 20, /* bytes */
};

enum key_use {
	KEY_VERIFY, /* public parts and secrets */
	KEY_SIGN,   /* only keys with their private part, which is kept (hyperchatctl) */
	KEY_PUBLISHED, /* public parts only, from the network */
};

struct key {
	const struct alg *alg;
	char *kid; /* NULL: none, matches any token's */
	EVP_PKEY *pkey;
};

/* Read only for everyone but keys.c. */
struct key_set {
	size_t key_count;
	struct key *keys;
	size_t note_count;
	char **notes; /* one printable line each, without the file's name: to be logged by whoever loaded it */
};

/* NULL: unreadable, neither form, or without one usable key; err names the file and the first reason. */
struct key_set *key_set_load(const char *file, enum key_use use, struct error *err);

/* The same from memory. name stands for the file in err. */
struct key_set *key_set_read(const char *name, const char *text, size_t len, enum key_use use, struct error *err);

/* Whether one of its keys is for one of these algorithms. */
bool key_set_has(const struct key_set *set, const char *const *algs, size_t alg_count);

/* Lets go of all keys but those for one of these algorithms, with a note about each. The set is not shared yet. false: none is left. */
bool key_set_restrict(struct key_set *set, const char *const *algs, size_t alg_count);

/* The public parts as the text of a JWK Set's "keys" array. false: OpenSSL would not give the parts of one. */
bool key_set_write(const struct key_set *set, struct buf *out, struct error *err);

void key_set_free(struct key_set *set); /* NULL is fine */

#endif
