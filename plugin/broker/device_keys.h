/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_DEVICE_KEYS_H
#define HC_BROKER_DEVICE_KEYS_H
/* The chat's own keys, for the tokens of devices: the store has them (signing.h), the public parts are in memory. When an operator drops one
 * (hyperchatctl device-keys), whoever is connected by it is cut off. Broker thread. */

#include "plugin/auth/device_token.h"
#include "plugin/rpc/rpc.h"

struct server;

/* These count; takes them over. */
void device_keys_begin(struct server *server, struct key_set *keys);
void device_keys_free(struct server *server);

/* They have changed in the store: they are read again. */
void device_keys_changed(struct server *server);

/* Reads them again when it is time. Once a second. */
void device_keys_tick(struct server *server);

/* As issuers_check, of a token that names DEVICE_TOKEN_ISSUER. A key that is not here is looked for in the store, at most once in ten seconds. */
enum jwt_rc device_keys_check(struct server *server, const struct jwt *jwt, struct device_claims *out, struct error *err);

/* For struct rpc_world. */
char *device_keys_sign(const struct rpc_request *request, const struct signing_key_list *keys, const char *device, int64_t expires_ms,
	struct verdict *verdict);

#endif
