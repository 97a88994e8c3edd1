/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_JWT_H
#define HC_AUTH_JWT_H
/* JSON Web Tokens (RFC 7519) as passwords: who is it, and until when?
 *
 * `iss` must be equal to the configured one, `aud` (a string or an array) must hold one of ours, `exp` must be there; `nbf` and `iat`
 * are looked at when they are there. The leeway stretches all three: a token counts from nbf - leeway to exp + leeway, and may have
 * been issued at most the leeway in the future. NumericDates may be fractional; to the millisecond, exp and iat are rounded down, nbf up.
 * They lie between 1970 and 9999.
 *
 * A claim is named by a path: `sub`, or `realm_access.user` for a member of an object. A claim that is called exactly like that, dots and all
 * (`https://app.example/user`), comes before a path.
 *
 * The signature is checked last, as the dearest step: a client that keeps coming with a dead token costs no more than reading it
 * (field: "dead tokens cannot load the broker"). So EXPIRED and NOT_YET say what the token claims, and OK alone says that it is true.
 *
 * Any thread, never blocks, no allocation is left behind. */

#include <stdint.h>

#include "plugin/auth/jws.h"
#include "plugin/auth/keys.h"
#include "plugin/auth/user_id.h"

enum { JWT_MAX = JWS_MAX };

/* All strings are the caller's and stay while the policy is used. */
struct jwt_policy {
	const char *issuer;
	const char *const *audiences;
	size_t audience_count;      /* 1… */
	const char *const *parties; /* whom the token must have been issued to (`azp`, without it `client_id`) */
	size_t party_count;         /* 0: to anybody */
	const char *user_claim;     /* usually "sub": a string */
	const char *name_claim;     /* a string to be shown as the user's name; NULL: none */
	const char *operator_claim; /* a string, or an array of them; NULL: nobody is an operator */
	const char *operator_role;  /* … among which this one makes an operator */
	const char *user_prefix;    /* before every user ID of this issuer, "" for none */
	int leeway_s;               /* 0… */
};

/* Sorted by what the caller does next. */
enum jwt_rc {
	JWT_OK,      /* let in, until claims->expires_at_ms */
	JWT_EXPIRED, /* refuse and say so: the client gets a fresh token */
	JWT_NOT_YET, /* refuse: later it would be valid, or a clock is wrong */
	JWT_NO_KEY,  /* refuse: no key that we have could have signed it. All else is fine */
	JWT_BAD,     /* refuse: it will never be valid */
};

enum { JWT_NAME_MAX = 128 }; /* bytes */

struct jwt_claims {
	char user_id[AUTH_USER_ID_MAX + 1];
	int64_t expires_at_ms; /* exp + leeway: the first millisecond at which this token is refused, the end of its session */
	int64_t issued_at_ms;  /* 0: the token does not say */
	bool is_operator;
	char name[JWT_NAME_MAX + 1]; /* cut at a character; "": it has none that could be shown */
};

/* A token that was taken apart; nothing of it is believed yet. */
struct jwt {
	struct jws jws;
	json_t *claims;
	const char *issuer; /* its `iss` */
};

/* false: no token; err says why, jwt needs no fini. token must stay as long as the jwt. */
bool jwt_read(const char *token, size_t len, struct jwt *jwt, struct error *err);
void jwt_fini(struct jwt *jwt);

/* Whom it names, which nobody has proven. false: nobody. */
bool jwt_user(const struct jwt *jwt, const struct jwt_policy *policy, char user_id[AUTH_USER_ID_MAX + 1]);

/* now_ms: the wall clock. out is written on JWT_OK only. err names the claim, by how much times are off, and what was expected, never the
 * token; foreign text in it is cut and printable. */
enum jwt_rc jwt_check(const struct jwt *jwt, const struct key_set *keys, const struct jwt_policy *policy, int64_t now_ms,
	struct jwt_claims *out, struct error *err);

#endif
