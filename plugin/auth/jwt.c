/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * JSON Web Tokens: what the claims mean. Any thread, never blocks. */
#include "plugin/auth/jwt.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/auth/printable.h"

#define SECOND_MS  ((int64_t)1000)
#define DATE_MAX_S 253402300799 /* the end of 9999 */

enum rounding { ROUND_DOWN, ROUND_UP };

/* A NumericDate in milliseconds. false: it is there and no date in range. Not there: *ms stays. */
static bool date_read(const json_t *claims, const char *name, enum rounding rounding, int64_t *ms, struct error *err)
{
	const json_t *value = json_object_get(claims, name);
	if (value == NULL)
		return true;
	if (!json_is_number(value))
		return error_set(err, 0, 0, "%s: no number", name);
	double seconds = json_number_value(value);
	if (!(seconds >= 0 && seconds <= DATE_MAX_S))
		return error_set(err, 0, 0, "%s: not between the years 1970 and 9999", name);
	if (json_is_integer(value))
		*ms = json_integer_value(value) * SECOND_MS;
	else
		*ms = (int64_t)(rounding == ROUND_UP ? ceil(seconds * 1000) : floor(seconds * 1000));
	return true;
}

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static enum jwt_rc times_check(
	const json_t *json, const struct jwt_policy *policy, int64_t now_ms, struct jwt_claims *claims, struct error *err)
{
	int64_t exp_ms = -1, nbf_ms = 0, iat_ms = 0, leeway_ms = policy->leeway_s * SECOND_MS;
	if (!date_read(json, "exp", ROUND_DOWN, &exp_ms, err) || !date_read(json, "nbf", ROUND_UP, &nbf_ms, err) ||
		!date_read(json, "iat", ROUND_DOWN, &iat_ms, err))
		return JWT_BAD;
	if (exp_ms < 0)
		return error_set(err, JWT_BAD, 0, "exp: missing");
	if (now_ms >= exp_ms + leeway_ms)
		return error_set(err, JWT_EXPIRED, 0, "exp: expired %.3f s ago, the leeway is %d s", seconds(now_ms - exp_ms), policy->leeway_s);
	if (now_ms < nbf_ms - leeway_ms)
		return error_set(
			err, JWT_NOT_YET, 0, "nbf: not valid for another %.3f s, the leeway is %d s", seconds(nbf_ms - now_ms), policy->leeway_s);
	if (now_ms < iat_ms - leeway_ms)
		return error_set(
			err, JWT_NOT_YET, 0, "iat: issued %.3f s in the future, the leeway is %d s", seconds(iat_ms - now_ms), policy->leeway_s);
	claims->expires_at_ms = exp_ms + leeway_ms;
	claims->issued_at_ms = iat_ms;
	return JWT_OK;
}

/* NULL: there is none. */
static const json_t *claim_at(const json_t *object, const char *path)
{
	const json_t *claim = json_object_get(object, path);
	while (claim == NULL && object != NULL) {
		size_t len = strcspn(path, ".");
		object = json_object_getn(object, path, len);
		if (path[len] == '\0')
			return object;
		path += len + 1;
	}
	return claim;
}

static bool issuer_check(const struct jwt *jwt, const struct jwt_policy *policy, struct error *err)
{
	char shown[PRINTABLE_SIZE], wanted[PRINTABLE_SIZE];
	if (strcmp(jwt->issuer, policy->issuer) != 0)
		return error_set(err, 0, 0, "iss: %s, expected %s", printable(shown, jwt->issuer), printable(wanted, policy->issuer));
	return true;
}

static bool is_ours(const json_t *audience, const struct jwt_policy *policy)
{
	for (size_t i = 0; i < policy->audience_count; i++)
		if (strcmp(json_string_value(audience), policy->audiences[i]) == 0)
			return true;
	return false;
}

/* RFC 7519 §4.1.3. An array is read to its end, so that a wrong member is noticed wherever it stands. */
static bool audience_check(const json_t *json, const struct jwt_policy *policy, struct error *err)
{
	char wanted[PRINTABLE_SIZE];
	const json_t *aud = json_object_get(json, "aud"), *member;
	bool ours = json_is_string(aud) && is_ours(aud, policy);
	size_t i;
	if (!json_is_string(aud) && !json_is_array(aud))
		return error_set(err, 0, 0, "aud: missing or neither a string nor an array");
	json_array_foreach(aud, i, member)
	{
		if (!json_is_string(member))
			return error_set(err, 0, 0, "aud: an array with something else than strings");
		ours = ours || is_ours(member, policy);
	}
	return ours || error_set(err, 0, 0, "aud: does not name %s", printable(wanted, policy->audiences[0]));
}

/* OpenID Connect Core §2, RFC 9068 §2.2: whose request the token was issued for. */
static bool party_check(const json_t *json, const struct jwt_policy *policy, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	const char *name = json_object_get(json, "azp") ? "azp" : "client_id";
	const char *party = json_text(json, name, NULL);
	if (json_object_get(json, "azp") && party == NULL)
		return error_set(err, 0, 0, "azp: no string");
	for (size_t i = 0; party && i < policy->party_count; i++)
		if (strcmp(party, policy->parties[i]) == 0)
			return true;
	if (policy->party_count == 0)
		return true;
	if (party == NULL)
		return error_set(err, 0, 0, "azp: missing, and client_id as well");
	return error_set(err, 0, 0, "%s: %s is none of the authorized parties", name, printable(shown, party));
}

static bool user_read(const json_t *json, const struct jwt_policy *policy, char user_id[AUTH_USER_ID_MAX + 1], struct error *err)
{
	struct error why;
	const json_t *claim = claim_at(json, policy->user_claim);
	if (!json_is_string(claim))
		return error_set(err, 0, 0, "%s: missing or no string", policy->user_claim);
	if (!user_id_encode(policy->user_prefix, json_string_value(claim), json_string_length(claim), user_id, &why))
		return error_set(err, 0, 0, "%s: %s", policy->user_claim, why.text);
	return true;
}

/* A name is a courtesy: one that cannot be shown refuses nobody. */
static void name_read(const json_t *json, const struct jwt_policy *policy, struct jwt_claims *claims)
{
	const json_t *claim = policy->name_claim ? claim_at(json, policy->name_claim) : NULL;
	const char *name = json_is_string(claim) ? json_string_value(claim) : "";
	size_t len = text_has_control(name, strlen(name)) ? 0 : text_cut(name, strlen(name), JWT_NAME_MAX);
	memcpy(claims->name, name, len);
	claims->name[len] = '\0';
}

/* A claim of another shape makes nobody an operator, and refuses nobody. */
static bool is_operator(const json_t *json, const struct jwt_policy *policy)
{
	const json_t *claim = policy->operator_claim ? claim_at(json, policy->operator_claim) : NULL, *member;
	bool found = json_is_string(claim) && strcmp(json_string_value(claim), policy->operator_role) == 0;
	size_t i;
	json_array_foreach(claim, i, member)
		found = found || (json_is_string(member) && strcmp(json_string_value(member), policy->operator_role) == 0);
	return found;
}

bool jwt_read(const char *token, size_t len, struct jwt *jwt, struct error *err)
{
	struct error why;
	if (!jws_read(token, len, &jwt->jws, err))
		return false;
	jwt->claims = json_read_object((const char *)jwt->jws.payload, jwt->jws.payload_len, &why);
	jwt->issuer = json_text(jwt->claims, "iss", NULL);
	if (jwt->issuer != NULL)
		return true;
	if (jwt->claims == NULL)
		error_set(err, 0, 0, "payload: %s", why.text);
	else
		error_set(err, 0, 0, "iss: missing or no string");
	jwt_fini(jwt);
	return false;
}

void jwt_fini(struct jwt *jwt)
{
	jws_fini(&jwt->jws);
	json_decref(jwt->claims);
	jwt->claims = NULL;
}

bool jwt_user(const struct jwt *jwt, const struct jwt_policy *policy, char user_id[AUTH_USER_ID_MAX + 1])
{
	return user_read(jwt->claims, policy, user_id, NULL);
}

static enum jwt_rc check(const struct jwt *jwt, const struct key_set *keys, const struct jwt_policy *policy, int64_t now_ms,
	struct jwt_claims *claims, struct error *err)
{
	static const enum jwt_rc SIGNATURE_RCS[] = {[JWS_OK] = JWT_OK, [JWS_NO_KEY] = JWT_NO_KEY, [JWS_BAD] = JWT_BAD};
	const json_t *json = jwt->claims;
	if (!issuer_check(jwt, policy, err) || !audience_check(json, policy, err) || !party_check(json, policy, err) ||
		!user_read(json, policy, claims->user_id, err))
		return JWT_BAD;
	enum jwt_rc rc = times_check(json, policy, now_ms, claims, err);
	name_read(json, policy, claims);
	claims->is_operator = is_operator(json, policy);
	return rc == JWT_OK ? SIGNATURE_RCS[jws_verify(&jwt->jws, keys, err)] : rc;
}

enum jwt_rc jwt_check(const struct jwt *jwt, const struct key_set *keys, const struct jwt_policy *policy, int64_t now_ms,
	struct jwt_claims *out, struct error *err)
{
	struct jwt_claims claims;
	enum jwt_rc rc = check(jwt, keys, policy, now_ms, &claims, err);
	if (rc == JWT_OK)
		*out = claims;
	else if (err)
		err->rc = rc;
	return rc;
}
