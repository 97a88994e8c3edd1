/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: a token. One thread, blocks. What it knows of one it has from the functions that the broker asks. */
#include "plugin/ctl/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "plugin/auth/printable.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/signing.h"
#include "plugin/ctl/source.h"

/* At most JWT_MAX bytes and what an editor adds. NULL: said. */
static char *read_token(const struct ctl_command *command, const char *file)
{
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (in == NULL) {
		ctl_failed(command, "%s: %s", file, strerror(errno));
		return NULL;
	}
	char *text = mem_zero(JWT_MAX + 66);
	size_t len = fread(text, 1, JWT_MAX + 65, in);
	if (in != stdin)
		fclose(in);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static const char *const HINTS[][2] = {
	{"exp:", "The app has to get a new one. If a new one is refused as well, compare the clocks above."},
	{"nbf:", "Compare the clocks above."},
	{"iat:", "Compare the clocks above."},
	{"aud:", "The provider has to be told to name our audience, or the option audience has to be one of the token's."},
	{"azp:", "The app's client ID is not among authorized_parties."},
	{"client_id:", "The app's client ID is not among authorized_parties."},
	{"no key", "A key of the list above must have this alg and kid: is the token of another realm or tenant, or older than the last change of keys?"},
	{"the signature", "The text was changed or cut on its way, or somebody else signed it."},
	{"header: typ", "It is neither an ID token nor an access token."},
	{"not a token", "It is no JWT at all. Some providers give opaque access tokens unless an audience is asked for."},
};

static void print_hint(const char *reason)
{
	for (size_t i = 0; i < sizeof HINTS / sizeof *HINTS; i++)
		if (strncmp(reason, HINTS[i][0], strlen(HINTS[i][0])) == 0)
			printf("  %s\n", HINTS[i][1]);
}

static int refused(const char *reason)
{
	printf("token: refused: %s\n", reason);
	print_hint(reason);
	return CTL_FAILED;
}

static void print_audiences(const struct jwt *jwt)
{
	char shown[PRINTABLE_SIZE];
	const json_t *aud = json_object_get(jwt->claims, "aud"), *member;
	size_t i;
	if (json_is_string(aud))
		printf("  it is for %s\n", printable(shown, json_string_value(aud)));
	json_array_foreach(aud, i, member) if (json_is_string(member)) printf("  it is for %s\n", printable(shown, json_string_value(member)));
}

static void print_end(int64_t at_ms)
{
	char when[32];
	time_t end = (time_t)(at_ms / 1000);
	struct tm utc;
	gmtime_r(&end, &utc);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &utc);
	printf(" until %s UTC\n", when);
}

static int let_in(const struct jwt_claims *claims)
{
	printf("token: good, for the user %s", claims->user_id);
	print_end(claims->expires_at_ms);
	printf("  If the broker refuses it, its log says which of these it is: the username (empty, the user ID or jwt), the client ID (%s/<device>, or\n"
		   "  one without a slash), or an account that was deleted after the token was issued.\n",
		claims->user_id);
	return CTL_OK;
}

static int let_in_device(const struct device_claims *claims)
{
	char shown[PRINTABLE_SIZE];
	printf("token: good, a device token for the user %s and his device %s alone", claims->claims.user_id, printable(shown, claims->device));
	print_end(claims->claims.expires_at_ms);
	return CTL_OK;
}

/* ---- what the store knows ---- */

/* device NULL: a token of the sign-on. */
static bool is_revoked(struct store *store, const struct jwt_claims *claims, const char *device, struct error *err)
{
	struct revocations *table;
	const char *why = "";
	if (revocations_load(store, &table, err) != STORE_OK)
		return true;
	bool revoked = revocations_refuse(table, claims->user_id, device, claims->issued_at_ms, &why);
	revocations_free(table);
	if (revoked)
		error_set(err, 0, 0, "%s", why);
	return revoked;
}

static int judge_good(struct store *store, const struct jwt_claims *claims)
{
	struct error err;
	if (store == NULL)
		puts("  whether it was revoked is in the store, which cannot be looked into");
	else if (is_revoked(store, claims, NULL, &err))
		return refused(err.text);
	return let_in(claims);
}

static size_t audiences_of(const struct finding *findings, size_t count, const char **audiences)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < findings[i].issuer->audiences.count; j++)
			audiences[found++] = findings[i].issuer->audiences.list[j];
	return found;
}

static int judge_device(struct store *store, const struct conf *conf, const struct finding *findings, size_t count, const struct jwt *jwt)
{
	const char *audiences[ISSUERS_MAX * ISSUER_NAMES_MAX];
	const struct device_policy policy = {
		.audiences = audiences, .audience_count = audiences_of(findings, count, audiences), .leeway_s = (int)conf->leeway_s};
	struct device_claims claims;
	struct key_set *keys;
	struct error err;
	if (store == NULL)
		return refused("it is a device token, whose keys are in the store, which cannot be looked into");
	if (signing_keys_load(store, &keys, &err) != STORE_OK)
		return refused(err.text);
	enum jwt_rc rc = device_token_check(jwt, keys, &policy, clock_wall_ms(), &claims, &err);
	key_set_free(keys);
	if (rc != JWT_OK || is_revoked(store, &claims.claims, claims.device, &err))
		return refused(err.text);
	return let_in_device(&claims);
}

/* ---- all together ---- */

static int judge(struct store *store, const struct finding *findings, size_t count, const struct jwt *jwt)
{
	static const struct key_set NONE;
	char text[200], shown[PRINTABLE_SIZE];
	struct jwt_claims claims;
	struct error err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(findings[i].issuer->url, jwt->issuer) != 0)
			continue;
		struct jwt_policy policy = issuer_policy(findings[i].issuer);
		const struct key_set *keys = findings[i].keys ? findings[i].keys : &NONE;
		if (jwt_check(jwt, keys, &policy, clock_wall_ms(), &claims, &err) == JWT_OK)
			return judge_good(store, &claims);
		int rc = refused(err.text);
		if (strncmp(err.text, "aud:", 4) == 0)
			print_audiences(jwt);
		return rc;
	}
	snprintf(text, sizeof text, "iss: %s is none of the issuers above (to the letter)", printable(shown, jwt->issuer));
	return refused(text);
}

int explain_token(const struct ctl_command *command, const struct conf *conf, const struct finding *findings, size_t count, const char *file)
{
	struct jwt jwt;
	struct error err;
	struct store *store = NULL;
	char *token = read_token(command, file);
	if (token == NULL)
		return CTL_FAILED;
	int rc = CTL_OK;
	if (!jwt_read(token, strlen(token), &jwt, &err)) {
		rc = refused(err.text);
	} else {
		source_open_in_use(command, conf->store, &store); /* says itself why not */
		rc = strcmp(jwt.issuer, DEVICE_TOKEN_ISSUER) == 0 ? judge_device(store, conf, findings, count, &jwt) : judge(store, findings, count, &jwt);
		source_close(store);
		jwt_fini(&jwt);
	}
	free(token);
	return rc;
}
