/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * JSON Web Tokens: what the claims mean. Any thread, never blocks. */
#include "plugin/auth/jwt.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
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

static bool issuer_check(const json_t *json, const struct jwt_policy *policy, struct error *err)
{
	char shown[PRINTABLE_SIZE], wanted[PRINTABLE_SIZE];
	const char *iss = json_text(json, "iss", NULL);
	if (iss == NULL)
		return error_set(err, 0, 0, "iss: missing or no string");
	if (strcmp(iss, policy->issuer) != 0)
		return error_set(err, 0, 0, "iss: %s, expected %s", printable(shown, iss), printable(wanted, policy->issuer));
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

static bool user_read(const json_t *json, const struct jwt_policy *policy, struct jwt_claims *claims, struct error *err)
{
	struct error why;
	size_t len;
	const char *claim = json_text(json, policy->user_claim, &len);
	if (claim == NULL)
		return error_set(err, 0, 0, "%s: missing or no string", policy->user_claim);
	if (!user_id_encode(policy->user_prefix, claim, len, claims->user_id, &why))
		return error_set(err, 0, 0, "%s: %s", policy->user_claim, why.text);
	return true;
}

static enum jwt_rc claims_check(
	const struct jws *jws, const struct jwt_policy *policy, int64_t now_ms, struct jwt_claims *claims, struct error *err)
{
	struct error why;
	json_t *json = json_read_object((const char *)jws->payload, jws->payload_len, &why);
	if (json == NULL)
		return error_set(err, JWT_BAD, 0, "payload: %s", why.text);
	enum jwt_rc rc = JWT_BAD;
	if (issuer_check(json, policy, err) && audience_check(json, policy, err) && user_read(json, policy, claims, err))
		rc = times_check(json, policy, now_ms, claims, err);
	json_decref(json);
	return rc;
}

enum jwt_rc jwt_verify(const struct key_set *keys, const struct jwt_policy *policy, const char *token, size_t len, int64_t now_ms,
	struct jwt_claims *out, struct error *err)
{
	struct jws jws;
	struct jwt_claims claims;
	struct error why;
	if (!jws_read(token, len, &jws, &why))
		return error_set(err, JWT_BAD, 0, "%s", why.text);
	enum jwt_rc rc = claims_check(&jws, policy, now_ms, &claims, err);
	if (rc == JWT_OK && !jws_verify(&jws, keys, &why))
		rc = (enum jwt_rc)error_set(err, JWT_BAD, 0, "%s", why.text);
	jws_fini(&jws);
	if (rc == JWT_OK)
		*out = claims;
	else if (err)
		err->rc = rc;
	return rc;
}
