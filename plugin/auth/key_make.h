/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_KEY_MAKE_H
#define HC_AUTH_KEY_MAKE_H
/* Fresh keys. Any thread; an RSA key takes a moment. */

#include "base/buf.h"
#include "plugin/auth/alg.h"

enum { KEY_KID_LEN = 12 };

/* Adds one JWK with its private part and a kid of its own, which is also in kid. The caller cleanses out. false: OpenSSL cannot; out may have some
 * of it. */
bool key_make(const struct alg *alg, char kid[KEY_KID_LEN + 1], struct buf *out, struct error *err);

#endif
