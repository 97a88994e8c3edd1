/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_FETCH_H
#define HC_AUTH_FETCH_H
/* The keys of an OpenID issuer, from its own address: discovery document, then the JWK Set that it names. Worker; blocks for at most twice
 * what one request may take. Between http_start and http_stop. */

#include <stdatomic.h>
#include <stdint.h>

#include "plugin/auth/keys.h"

enum { FETCH_DOCUMENT_MAX = 128 << 10, FETCH_KEYS_MAX = 512 << 10 }; /* bytes */

struct fetch_request {
	const char *issuer;
	const char *ca_file;      /* NULL or "": the system's authorities */
	const atomic_bool *abort; /* NULL: never */
};

struct fetched {
	struct key_set *keys; /* one usable key at least */
	char *jwks_uri;
	int64_t age_s;  /* how long its issuer lets the set count, -1: it does not say */
	int64_t date_s; /* its clock when it answered, 0: unknown */
};

/* false: err; nothing to fini. */
bool fetch_keys(const struct fetch_request *request, struct fetched *fetched, struct error *err);
void fetched_fini(struct fetched *fetched);

#endif
