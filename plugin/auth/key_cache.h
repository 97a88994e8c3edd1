/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_KEY_CACHE_H
#define HC_AUTH_KEY_CACHE_H
/* The last good keys of an issuer, on disk: so that a restart while the provider is away locks nobody out. One file an issuer, public keys
 * only. Who can write it can log in as anybody, as with the store's files. Blocks (worker, or at start). */

#include "plugin/auth/keys.h"

/* The issuer's file in a directory. The caller frees. */
char *key_cache_file(const char *directory, const char *issuer);

/* Replaces the file by one step. false: the one that was there is still there. */
bool key_cache_write(const char *file, const char *issuer, const struct key_set *keys, int64_t fetched_at_ms, struct error *err);

/* NULL: there is no such file (err->rc 0), or it is none of this issuer's with one usable key (-1). */
struct key_set *key_cache_read(const char *file, const char *issuer, int64_t *fetched_at_ms, struct error *err);

#endif
