/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl token: a JWT for trying out, by libjwt. That the tokens are made by another implementation than the one that verifies
 * them (plugin/auth) is on purpose: docs/decisions/0001-jwt-by-openssl.md. One thread, may block. */
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "plugin/auth/keys.h"
#include "plugin/ctl/ctl.h"

enum { TTL_MAX_S = 10 * 366 * 24 * 3600 };

struct request {
	const char *keys, *issuer, *audience, *user, *ttl;
	uint64_t ttl_s;
};

/* What libjwt wants to have of a key: the secret itself, or PEM. The caller fini's out after cleansing. */
static bool key_material(const struct key *key, struct buf *out)
{
	if (key->alg->kind == ALG_HMAC) {
		size_t len = 0;
		if (EVP_PKEY_get_raw_private_key(key->pkey, NULL, &len) != 1)
			return false;
		buf_reserve(out, len);
		out->len = len;
		return EVP_PKEY_get_raw_private_key(key->pkey, (unsigned char *)out->data, &out->len) == 1;
	}
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem = NULL;
	bool written = bio != NULL && PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
	long len = written ? BIO_get_mem_data(bio, &pem) : 0;
	if (written)
		buf_add(out, pem, (size_t)len);
	BIO_free(bio);
	return written;
}

static bool fill(jwt_t *jwt, const struct request *request, const char *kid)
{
	long now_s = (long)(clock_wall_ms() / 1000);
	return (kid == NULL || jwt_add_header(jwt, "kid", kid) == 0) && jwt_add_grant(jwt, "iss", request->issuer) == 0 &&
		   jwt_add_grant(jwt, "aud", request->audience) == 0 && jwt_add_grant(jwt, "sub", request->user) == 0 &&
		   jwt_add_grant_int(jwt, "iat", now_s) == 0 && jwt_add_grant_int(jwt, "exp", now_s + (long)request->ttl_s) == 0;
}

/* NULL: libjwt refused. The caller frees. */
static char *sign(const struct key *key, jwt_alg_t alg, const struct request *request)
{
	struct buf material = BUF_EMPTY;
	jwt_t *jwt = NULL;
	char *token = NULL;
	if (key_material(key, &material) && jwt_new(&jwt) == 0 && fill(jwt, request, key->kid) &&
		jwt_set_alg(jwt, alg, (const unsigned char *)material.data, (int)material.len) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	if (material.data)
		OPENSSL_cleanse(material.data, material.size);
	buf_fini(&material);
	return token;
}

/* The first key of the set that libjwt has an algorithm for. */
static const struct key *choose(const struct key_set *set, jwt_alg_t *alg)
{
	for (size_t i = 0; i < set->key_count; i++) {
		*alg = jwt_str_alg(set->keys[i].alg->name);
		if (*alg != JWT_ALG_INVAL && *alg != JWT_ALG_NONE)
			return &set->keys[i];
	}
	return NULL;
}

static int print_token(const struct ctl_command *command, const struct request *request)
{
	struct error err;
	struct key_set *set = key_set_load(request->keys, KEY_SIGN, &err);
	if (set == NULL)
		return ctl_failed(command, "%s", err.text);
	jwt_alg_t alg;
	const struct key *key = choose(set, &alg);
	int rc = CTL_OK;
	if (key == NULL) {
		rc = ctl_failed(command,
			"%s: its keys are for %s, which libjwt cannot sign with (it can HS, RS and ES); "
			"such tokens are accepted, but have to come from elsewhere",
			request->keys, set->keys[0].alg->name);
	} else {
		char *token = sign(key, alg, request);
		if (token == NULL)
			rc = ctl_failed(command, "%s: libjwt could not sign with this %s key", request->keys, key->alg->name);
		else
			puts(token);
		free(token);
	}
	key_set_free(set);
	return rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	struct request request = {.ttl = "3600"};
	const struct ctl_option options[] = {
		{"keys", &request.keys, 1},
		{"issuer", &request.issuer, 1},
		{"audience", &request.audience, 1},
		{"user", &request.user, 1},
		{"ttl", &request.ttl, 0},
		{NULL, NULL, 0},
	};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (!text_to_u64(request.ttl, strlen(request.ttl), TTL_MAX_S, &request.ttl_s))
		return ctl_misused(command, "--ttl is a number of seconds from 0 to %d", TTL_MAX_S);
	if (request.user[0] == '\0')
		return ctl_misused(command, "--user is empty");
	return print_token(command, &request);
}

const struct ctl_command ctl_token = {
	.name = "token",
	.summary = "print a JSON Web Token for a user, for trying out",
	.usage = "Usage: hyperchatctl token --keys FILE --issuer I --audience A --user U [--ttl SECONDS]\n\n"
			 "Prints a token that the broker takes as U's MQTT password.\n\n"
			 "  --keys FILE      a JWK Set or PEM file that holds a private key or a secret, such as\n"
			 "                   'hyperchatctl keys' makes; the first usable key signs, by its own algorithm\n"
			 "  --issuer I       the claim iss: the broker's plugin_opt_issuer\n"
			 "  --audience A     the claim aud: the broker's plugin_opt_audience\n"
			 "  --user U         the claim sub, as the provider would write it (not percent-encoded)\n"
			 "  --ttl SECONDS    until it expires (3600)\n\n"
			 "Algorithms: HS, RS and ES 256, 384 and 512. PS and EdDSA are verified by the broker, but not made here.\n",
	.run = run,
};
