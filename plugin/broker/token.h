/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_TOKEN_H
#define HC_BROKER_TOKEN_H
/* What a token is worth here: who issued it (the sign-on, or the chat itself for a device), and whether it still counts. Broker thread. */

#include "plugin/auth/device_token.h"
#include "storage/store.h"

struct server;
struct session;

struct token {
	struct jwt_claims claims;
	bool of_device; /* the chat's own: for `device` alone */
	char device[AUTH_DEVICE_MAX + 1];
	char kid[KID_MAX + 1];
};

/* As issuers_check. */
enum jwt_rc token_verify(struct server *server, const char *token, size_t len, struct token *out, struct error *err);

/* Why a token that is true must not let that client in all the same. */
enum token_fault { TOKEN_COUNTS, TOKEN_OF_ANOTHER_DEVICE, TOKEN_OF_DELETED_ACCOUNT, TOKEN_REVOKED };

/* *why: in words, unless it counts. */
enum token_fault token_fault(struct server *server, const struct token *token, const char *client_id, const char **why);

/* Whether its user is an operator: it says so, or the option `operators` does. */
bool token_is_operators(const struct server *server, const struct token *token);

/* The session goes on with this token from now on. */
void token_take(struct server *server, struct session *session, const struct token *token);

#endif
