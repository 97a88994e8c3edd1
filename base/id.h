/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_ID_H
#define HC_BASE_ID_H
/* Random bytes, digests and base64url: what identifiers are made of. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ID_BYTES = 16,     /* a chat ID, a head, a salt: 128 bits */
	ID_TEXT_LEN = 22,  /* the same as base64url without padding */
	SHA256_BYTES = 32,
};

/* From OpenSSL's generator, which the system's seeds. Aborts when there is none: no identifier may ever be guessable. Not after fork(). */
void id_random(void *bytes, size_t len);

/* Frees what id_random and the digests keep, for code that is going to be unloaded: no other thread that used them may be running. They may
 * be used again afterwards. A program that ends need not call it. */
void id_fini(void);

/* text gets (len * 4 + 2) / 3 characters and a NUL. */
void base64url_encode(const void *bytes, size_t len, char *text);

/* Strict RFC 4648 section 5 without padding: refuses any other character, an impossible length and non-zero spare bits.
 * bytes has room for size; *len is set on success only. */
bool base64url_decode(const char *text, size_t text_len, void *bytes, size_t size, size_t *len);

/* One part of a digest's input; parts are hashed one after the other, without separators. */
struct bytes {
	const void *data;
	size_t len;
};

void sha256(const struct bytes *parts, size_t part_count, unsigned char digest[SHA256_BYTES]);
void hmac_sha256(const void *key, size_t key_len, const struct bytes *parts, size_t part_count, unsigned char digest[SHA256_BYTES]);

#endif
