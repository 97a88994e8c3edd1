/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_JWE_H
#define HC_TRANSFER_JWE_H
/* Texts as JWE in compact form (RFC 7516): alg dir, enc A256GCM, and a kid. One thread at a time. */

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

enum { JWE_KEY_BYTES = 32 };

struct jwe;

/* NULL: OpenSSL has no AES-256-GCM; err. */
struct jwe *jwe_new(struct error *err);
void jwe_free(struct jwe *jwe); /* NULL is fine */

/* Adds text, encrypted under key, with a fresh random IV each time (so at most 2^32 texts under one key: NIST SP 800-38D §8.3). kid is UTF-8, at most
 * JWE_KID_MAX bytes. false: err, and nothing is added. */
bool jwe_add(struct jwe *jwe, struct buf *out, const unsigned char key[JWE_KEY_BYTES], const char *kid, const char *text, size_t len,
	struct error *err);

enum { JWE_KID_MAX = 64 };

/* How long the JWE of a text of that many bytes is. */
size_t jwe_len(const char *kid, size_t len);

#endif
