/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a token is worth here. Broker thread. */
#include "plugin/broker/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/account.h"
#include "plugin/broker/control.h"
#include "plugin/broker/device_keys.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/server.h"

static enum jwt_rc verify_own(struct server *server, const struct jwt *jwt, struct token *out, struct error *err)
{
	struct device_claims claims;
	const char *kid = jws_kid(&jwt->jws);
	enum jwt_rc rc = device_keys_check(server, jwt, &claims, err);
	if (rc != JWT_OK)
		return rc;
	*out = (struct token){.claims = claims.claims, .of_device = true};
	snprintf(out->device, sizeof out->device, "%s", claims.device);
	snprintf(out->kid, sizeof out->kid, "%s", kid ? kid : "");
	return JWT_OK;
}

enum jwt_rc token_verify(struct server *server, const char *token, size_t len, struct token *out, struct error *err)
{
	struct jwt jwt;
	struct error why = {0};
	struct token read = {0};
	if (!jwt_read(token, len, &jwt, &why))
		return error_set(err, JWT_BAD, 0, "%s", why.text);
	enum jwt_rc rc = strcmp(jwt.issuer, DEVICE_TOKEN_ISSUER) == 0
						 ? verify_own(server, &jwt, &read, &why)
						 : issuers_check(server->issuers, &jwt, server->now_ms, server->wall_ms, &read.claims, &why);
	jwt_fini(&jwt);
	if (rc == JWT_OK)
		*out = read;
	else
		error_set(err, rc, 0, "%s", why.text);
	return rc;
}

static bool is_its_device(const struct token *token, const char *client_id)
{
	const char *device;
	return client_id_read(client_id, token->claims.user_id, &device, NULL) == CLIENT_DEVICE && strcmp(device, token->device) == 0;
}

enum token_fault token_fault(struct server *server, const struct token *token, const char *client_id, const char **why)
{
	const struct jwt_claims *claims = &token->claims;
	if (token->of_device && !is_its_device(token, client_id)) {
		*why = "it is a device token, and counts for the client ID of that device alone";
		return TOKEN_OF_ANOTHER_DEVICE;
	}
	if (account_refuses(server, claims->user_id, claims->issued_at_ms, why))
		return TOKEN_OF_DELETED_ACCOUNT;
	const char *device = token->of_device ? token->device : NULL;
	return revocations_refuse(server->revocations, claims->user_id, device, claims->issued_at_ms, why) ? TOKEN_REVOKED : TOKEN_COUNTS;
}

bool token_is_operators(const struct server *server, const struct token *token)
{
	return token->claims.is_operator || (!token->of_device && control_names(server, token->claims.user_id));
}

void token_take(struct server *server, struct session *session, const struct token *token)
{
	int64_t issued_at_ms = token->claims.issued_at_ms;
	session->issued_at_ms = issued_at_ms < server->wall_ms ? issued_at_ms : server->wall_ms; /* the issuer's clock may be ahead */
	session->by_sign_on = !token->of_device;
	session->for_device = token->of_device;
	session->is_operator = token_is_operators(server, token);
	free(session->kid);
	session->kid = token->of_device ? mem_text(token->kid) : NULL;
}
