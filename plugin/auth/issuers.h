/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_ISSUERS_H
#define HC_AUTH_ISSUERS_H
/* The issuers with their keys at hand: whose tokens are let in now.
 *
 * All functions are for the loop's thread and never block, but for opening and replacing (local files). Keys that come by discovery are
 * fetched by threads of their own and arrive through the mailbox. They are asked for
 *
 *   at the start and at SIGHUP,
 *   when Cache-Control says so, but after ISSUERS_AGE_MIN_S at the earliest and ISSUERS_AGE_MAX_S at the latest,
 *   soon when a token names a key that we do not have, at most once in ISSUERS_AGAIN_MS for each issuer whatever comes: a kid that its issuer
 *   did not have then is refused for ISSUERS_ABSENT_MS without asking again.
 *
 * What an issuer publishes replaces what it published before: a key that it does not name any more signs nothing from then on. While it does
 * not answer, or answers with nothing usable, the last good set counts, however old; it is kept on disk for the next start. */

#include <stdint.h>

#include "base/worker.h"
#include "plugin/auth/issuer.h"

enum {
	ISSUERS_AGE_MIN_S = 5 * 60,
	ISSUERS_AGE_S = 60 * 60, /* where the issuer does not say */
	ISSUERS_AGE_MAX_S = 6 * 60 * 60,
	ISSUERS_AGAIN_MS = 10 * 1000,
	ISSUERS_ABSENT_MS = 60 * 1000,
	ISSUERS_AUDIENCES_MAX = ISSUERS_MAX * ISSUER_NAMES_MAX,
};

enum issuers_level { ISSUERS_NOTICE, ISSUERS_WARNING };

struct issuers_conf {
	struct mailbox *mailbox;
	const char *ca_file;   /* "": the system's authorities */
	const char *cache_dir; /* where fetched keys are kept */
	void (*log)(enum issuers_level level, const char *line); /* loop's thread; each change once, never each token */
};

struct issuers;

/* Takes the list over, checked. NULL: a file with keys cannot be read, or a thread not be started; the list is gone all the same. */
struct issuers *issuers_open(const struct issuers_conf *conf, struct issuer_list *list, struct error *err);

/* SIGHUP: these instead, with the fetched keys of those that were there before, which are asked for again. false: err; all is as it was.
 * The list is taken over either way. */
bool issuers_replace(struct issuers *issuers, struct issuer_list *list, struct error *err);

/* Starts the fetches that are due. Once a second. */
void issuers_tick(struct issuers *issuers, int64_t now_ms);

/* Who is it? JWT_NO_KEY: no key at hand, and one may come within seconds: the client is to try again; nothing needs to be logged. now_ms is the
 * monotonic clock, wall_ms the other one. The rest as jwt_check. */
enum jwt_rc issuers_check(struct issuers *issuers, const struct jwt *jwt, int64_t now_ms, int64_t wall_ms, struct jwt_claims *out,
	struct error *err);

struct issuers_stats {
	size_t issuers, keys;
	size_t failing;      /* issuers whose last fetch came to nothing */
	uint64_t fetches, fetch_failures; /* since the start */
	int64_t oldest_ms;   /* when the last good fetch of who was fetched longest ago began, by the monotonic clock; INT64_MAX: nobody has discovery, and keys */
};
void issuers_stats(const struct issuers *issuers, struct issuers_stats *stats);

/* One issuer, for people: of the first, the second, …; false: there are no more. It stays until the issuers are replaced or a fetch comes back. */
struct issuer_state {
	const char *issuer;
	const struct key_set *keys; /* NULL: none yet */
	unsigned failures;          /* of fetches, in a row */
};
bool issuers_state(const struct issuers *issuers, size_t index, struct issuer_state *state);

/* The audiences of all issuers, the first one's first; at least one. They stay until the issuers are replaced. */
size_t issuers_audiences(const struct issuers *issuers, const char *audiences[ISSUERS_AUDIENCES_MAX]);

/* Whose token it says it is; nothing of that is believed: by its issuer's claim, or by `sub` where the issuer is unknown. false: of nobody. */
bool issuers_claimed(const struct issuers *issuers, const char *token, size_t len, char user_id[AUTH_USER_ID_MAX + 1]);

/* Ends the threads, within a second or so; their jobs are in the mailbox then. NULL is fine. */
void issuers_finish(struct issuers *issuers);
/* After the mailbox has been emptied. NULL is fine. */
void issuers_free(struct issuers *issuers);

#endif
