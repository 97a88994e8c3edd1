/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How many tokens a second one thread verifies, as the broker's thread does at each login: keys parsed once, a thousand users' tokens in turn.
 * The tokens come from `hyperchatctl token`. One thread, timed by the processor time that it took: what else the machine does counts less.
 *
 *   verify KEYS USERS ISSUER AUDIENCE SECONDS: prints one line of JSON. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench/scene.h"
#include "tests/unit/verify_token.h"

static void verify(const struct key_set *keys, const struct jwt_policy *policy, const char *token)
{
	struct jwt_claims claims;
	struct error err;
	if (verify_token(keys, policy, token, strlen(token), clock_wall_ms(), &claims, &err) != JWT_OK)
		die("a token is refused: %s", err.text);
}

/* A token with another signature: what a refusal costs. */
static void refuse(const struct key_set *keys, const struct jwt_policy *policy, const char *token)
{
	struct jwt_claims claims;
	char spoilt[JWT_MAX + 1];
	snprintf(spoilt, sizeof spoilt, "%s", token);
	char *at = strrchr(spoilt, '.') + 5;
	*at = *at == 'A' ? 'B' : 'A';
	if (verify_token(keys, policy, spoilt, strlen(spoilt), clock_wall_ms(), &claims, NULL) != JWT_BAD)
		die("a spoilt token is not refused");
}

static double processor_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static double rate(const struct key_set *keys, const struct jwt_policy *policy, const struct users *users, double seconds,
	void (*what)(const struct key_set *, const struct jwt_policy *, const char *))
{
	uint64_t count = 0;
	double start_s = processor_s(), took_s = 0;
	for (; took_s < seconds; took_s = processor_s() - start_s)
		for (int i = 0; i < 16; i++)
			what(keys, policy, users->list[count++ % users->count].token);
	return (double)count / took_s;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		die("usage: verify KEYS USERS ISSUER AUDIENCE SECONDS");
	struct error err;
	struct users users;
	const char *audiences[] = {argv[4]};
	const struct jwt_policy policy = {
		.issuer = argv[3], .audiences = audiences, .audience_count = 1, .user_claim = "sub", .user_prefix = "", .leeway_s = 30};
	struct key_set *keys = key_set_load(argv[1], KEY_VERIFY, &err);
	if (keys == NULL)
		die("%s", err.text);
	users_read(argv[2], 1, &users);
	double seconds = (double)scene_number("SECONDS", argv[5], 1, 1000);
	rate(keys, &policy, &users, 0.2, verify); /* warm up */
	printf("{\"alg\": \"%s\", \"verified_per_s\": %.0f, \"refused_per_s\": %.0f}\n", keys->keys[0].alg->name,
		rate(keys, &policy, &users, seconds, verify), rate(keys, &policy, &users, seconds, refuse));
	users_fini(&users);
	key_set_free(keys);
	return 0;
}
