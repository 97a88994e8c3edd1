/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_DISCOVERY_H
#define HC_AUTH_DISCOVERY_H
/* What an OpenID provider says of itself (OpenID Connect Discovery 1.0), and for how long (RFC 9111): bytes from outside in, nothing is
 * fetched. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { URL_MAX = 1024 };

/* An absolute https URL that can be asked for as it stands: a host, no user, no fragment, nothing but printable ASCII. */
bool url_is_https(const char *url);

/* The address of the issuer's discovery document. The caller frees. */
char *discovery_url(const char *issuer);

/* Where the keys of the issuer are. NULL: it is no discovery document, or not this issuer's (§4.3: both must be the same to the letter), or its
 * jwks_uri is not https; err says so. The caller frees. */
char *discovery_read(const char *text, size_t len, const char *issuer, struct error *err);

/* How many seconds a Cache-Control field lets its answer count: max-age, 0 where it must not be kept or asked for again each time, -1 where
 * it does not say. */
int64_t cache_control_age(const char *field);

#endif
