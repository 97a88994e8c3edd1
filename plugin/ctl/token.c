/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl token: a JWT for trying out. One thread, may block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "plugin/auth/sign.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"

enum { TTL_MAX_S = 10 * 366 * 24 * 3600 };

struct request {
	const char *keys, *issuer, *audience, *user, *ttl;
	uint64_t ttl_s;
	const char *json; /* NULL: the token alone */
};

/* The first key of the set that libjwt has an algorithm for. */
static const struct key *choose(const struct key_set *set)
{
	for (size_t i = 0; i < set->key_count; i++)
		if (sign_can(&set->keys[i]))
			return &set->keys[i];
	return NULL;
}

static char *make(const struct key *key, const struct request *request)
{
	int64_t now_s = clock_wall_ms() / 1000;
	return sign_token(key, &(struct sign_claims){.issuer = request->issuer,
							   .audience = request->audience,
							   .subject = request->user,
							   .issued_s = now_s,
							   .expires_s = now_s + (int64_t)request->ttl_s});
}

static void print(const char *token, const struct request *request)
{
	struct buf line = BUF_EMPTY;
	if (request->json == NULL) {
		puts(token);
		return;
	}
	object_add_text(&line, "token", token);
	object_add_u64(&line, "expiresIn", request->ttl_s);
	object_print(&line);
}

static int print_token(const struct ctl_command *command, const struct request *request)
{
	struct error err;
	struct key_set *set = key_set_load(request->keys, KEY_SIGN, &err);
	if (set == NULL)
		return ctl_failed(command, "%s", err.text);
	const struct key *key = choose(set);
	int rc = CTL_OK;
	if (key == NULL) {
		rc = ctl_failed(command,
			"%s: its keys are for %s, which libjwt cannot sign with (it can HS, RS and ES); "
			"such tokens are accepted, but have to come from elsewhere",
			request->keys, set->keys[0].alg->name);
	} else {
		char *token = make(key, request);
		if (token == NULL)
			rc = ctl_failed(command, "%s: libjwt could not sign with this %s key", request->keys, key->alg->name);
		else
			print(token, request);
		free(token);
	}
	key_set_free(set);
	return rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	struct request request = {.ttl = "3600"};
	const struct ctl_option options[] = {
		{"keys", &request.keys, CTL_REQUIRED},
		{"issuer", &request.issuer, CTL_REQUIRED},
		{"audience", &request.audience, CTL_REQUIRED},
		{"user", &request.user, CTL_REQUIRED},
		{"ttl", &request.ttl, CTL_OPTIONAL},
		{"json", &request.json, CTL_FLAG},
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
	.usage = "Usage: hyperchatctl token --keys FILE --issuer I --audience A --user U [--ttl SECONDS] [--json]\n\n"
			 "Prints a token that the broker takes as U's MQTT password.\n\n"
			 "  --keys FILE      a JWK Set or PEM file that holds a private key or a secret, such as\n"
			 "                   'hyperchatctl keys' makes; the first usable key signs, by its own algorithm\n"
			 "  --issuer I       the claim iss: the broker's plugin_opt_issuer\n"
			 "  --audience A     the claim aud: the broker's plugin_opt_audience\n"
			 "  --user U         the claim sub, as the provider would write it (not percent-encoded)\n"
			 "  --ttl SECONDS    until it expires (3600)\n"
			 "  --json           an object: token, expiresIn (seconds)\n\n"
			 "Algorithms: HS, RS and ES 256, 384 and 512. PS and EdDSA are verified by the broker, but not made here.\n",
	.run = run,
};
