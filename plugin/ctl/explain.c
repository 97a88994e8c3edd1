/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: a token. One thread, blocks. What it knows of one it has from the functions that the broker asks. */
#include "plugin/ctl/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/auth/printable.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/signing.h"
#include "plugin/ctl/source.h"
#include "plugin/ctl/when.h"

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

static int refused(struct examination *exam, const char *reason)
{
	struct buf what = BUF_EMPTY;
	const char *hint = NULL;
	for (size_t i = 0; i < sizeof HINTS / sizeof *HINTS && hint == NULL; i++)
		if (strncmp(reason, HINTS[i][0], strlen(HINTS[i][0])) == 0)
			hint = HINTS[i][1];
	buf_printf(&what, "refused: %s", reason);
	exam_find(exam, EXAM_WRONG, what.data, hint);
	buf_fini(&what);
	return CTL_FAILED;
}

static void add_audiences(struct examination *exam, const struct jwt *jwt)
{
	char shown[PRINTABLE_SIZE];
	const json_t *aud = json_object_get(jwt->claims, "aud"), *member;
	size_t i;
	if (json_is_string(aud))
		exam_fine(exam, "it is for %s", printable(shown, json_string_value(aud)));
	json_array_foreach(aud, i, member) if (json_is_string(member)) exam_fine(exam, "it is for %s", printable(shown, json_string_value(member)));
}

static int let_in(struct examination *exam, const struct jwt_claims *claims)
{
	char when[WHEN_SIZE];
	when_print(claims->expires_at_ms, when);
	exam_fine(exam, "good, for the user %s until %s", claims->user_id, when);
	exam_fine(exam, "If the broker refuses it, its log says which of these it is: the username (empty, the user ID or jwt), the client ID (%s/<device>, or "
					"one without a slash), or an account that was deleted after the token was issued.", claims->user_id);
	return CTL_OK;
}

static int let_in_device(struct examination *exam, const struct device_claims *claims)
{
	char shown[PRINTABLE_SIZE], when[WHEN_SIZE];
	when_print(claims->claims.expires_at_ms, when);
	exam_fine(exam, "good, a device token for the user %s and his device %s alone until %s", claims->claims.user_id,
		printable(shown, claims->device), when);
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

static int judge_good(struct examination *exam, struct store *store, const struct jwt_claims *claims)
{
	struct error err;
	if (store == NULL)
		exam_note(exam, "whether it was revoked is in the store, which cannot be looked into");
	else if (is_revoked(store, claims, NULL, &err))
		return refused(exam, err.text);
	return let_in(exam, claims);
}

static size_t audiences_of(const struct finding *findings, size_t count, const char **audiences)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < findings[i].issuer->audiences.count; j++)
			audiences[found++] = findings[i].issuer->audiences.list[j];
	return found;
}

static int judge_device(struct examination *exam, struct store *store, const struct finding *findings, size_t count, const struct jwt *jwt)
{
	const char *audiences[ISSUERS_MAX * ISSUER_NAMES_MAX];
	const struct device_policy policy = {
		.audiences = audiences, .audience_count = audiences_of(findings, count, audiences), .leeway_s = (int)exam->conf->leeway_s};
	struct device_claims claims;
	struct key_set *keys;
	struct error err;
	if (store == NULL)
		return refused(exam, "it is a device token, whose keys are in the store, which cannot be looked into");
	if (signing_keys_load(store, &keys, &err) != STORE_OK)
		return refused(exam, err.text);
	enum jwt_rc rc = device_token_check(jwt, keys, &policy, clock_wall_ms(), &claims, &err);
	key_set_free(keys);
	if (rc != JWT_OK || is_revoked(store, &claims.claims, claims.device, &err))
		return refused(exam, err.text);
	return let_in_device(exam, &claims);
}

/* ---- all together ---- */

static int judge(struct examination *exam, struct store *store, const struct finding *findings, size_t count, const struct jwt *jwt)
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
			return judge_good(exam, store, &claims);
		int rc = refused(exam, err.text);
		if (strncmp(err.text, "aud:", 4) == 0)
			add_audiences(exam, jwt);
		return rc;
	}
	snprintf(text, sizeof text, "iss: %s is none of the issuers above (to the letter)", printable(shown, jwt->issuer));
	return refused(exam, text);
}

/* Before the first start there is none, as the part about the store says. */
static void open_store(const struct ctl_command *command, const char *uri, struct store **store)
{
	struct error err;
	enum store_rc rc = source_try(uri, STORE_NO_MIGRATION | STORE_BESIDE | STORE_EXISTING, store, &err);
	if (rc != STORE_OK && rc != STORE_NOT_FOUND)
		ctl_failed(command, "%s", err.text);
}

int explain_token(const struct ctl_command *command, struct examination *exam, const struct finding *findings, size_t count, const char *file)
{
	struct jwt jwt;
	struct error err;
	struct store *store = NULL;
	char *token = read_token(command, file);
	if (token == NULL)
		return CTL_FAILED;
	int rc = CTL_OK;
	exam_part(exam, "token");
	if (!jwt_read(token, strlen(token), &jwt, &err)) {
		rc = refused(exam, err.text);
	} else {
		open_store(command, exam->conf->store, &store);
		rc = strcmp(jwt.issuer, DEVICE_TOKEN_ISSUER) == 0 ? judge_device(exam, store, findings, count, &jwt) : judge(exam, store, findings, count, &jwt);
		source_close(store);
		jwt_fini(&jwt);
	}
	free(token);
	return rc;
}
