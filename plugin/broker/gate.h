/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_GATE_H
#define HC_BROKER_GATE_H
/* Whose login is worth looking at: failed ones slow down and are then refused unseen for a while, and so is a device that keeps coming.
 *
 * A token cannot be guessed, so this keeps no secret; it bounds what others' attempts cost. Therefore nobody is refused for what somebody else
 * does somewhere else:
 *
 *   an address     IPv4, or the /64 of IPv6. It may fail failed_per_minute times at once, and lastingly so often; then it is closed for 5 s,
 *                  the next time for 10 s, up to 5 minutes, and begins anew after ten quiet minutes. Others behind it who have logged in from
 *                  there within a day still get in (friends): they are known by the name that their token says, and looked at.
 *   a user there   who a token says it is of, at one address: a quarter of that. So one device with a bad token closes its own way, not that of
 *                  its house. This way is closed for a friend as well.
 *   a user         who a token says it is of, wherever: a quarter as well. While that is used up, one failure closes a user's way at an
 *                  address. The user himself comes from somewhere else, or is a friend where he is.
 *   a device       by client ID: connects_per_minute that succeed, at once and lastingly.
 *   all of a user  his devices together: ten times that; a connection without a device counts a tenth there. Known by a token that was believed.
 *
 * What costs no signature (a token that is over by its own words, an attempt at a closed way) counts a tenth. Addresses behind which clients
 * cannot be told apart are not counted: those of reverse proxies, and what is no IP address.
 *
 * Tables of fixed size, 2.8 MB, in which the longest unused makes room; nothing is allocated for an attempt. Places in them are chosen by a
 * secret of this run, so nobody can aim at somebody else's. Pure: the caller brings the time (monotonic). One thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	GATE_CLOSED_MIN_MS = 5 * 1000,
	GATE_CLOSED_MAX_MS = 5 * 60 * 1000,
	GATE_FORGOTTEN_MS = 10 * 60 * 1000,      /* after so long a quiet time the next closing is the shortest again */
	GATE_FRIEND_MS = 24 * 60 * 60 * 1000,
	GATE_PROXIES_MAX = 16,
};

struct gate;

/* proxies: addresses, or networks as 10.0.0.0/8, with commas between; spaces are passed over. NULL: one of them is neither; err names it. */
struct gate *gate_new(const char *proxies, struct error *err);
void gate_free(struct gate *gate); /* NULL is fine */

/* Whether it is this machine's own, one of the proxies, or no IP address: not somebody out in the world. */
bool gate_is_near(const struct gate *gate, const char *address);

/* 0: no limit. At first there are none. */
void gate_set_limits(struct gate *gate, uint64_t failed_per_minute, uint64_t connects_per_minute);

/* Somebody at the door. */
struct gate_visit {
	uint64_t address, device; /* device 0: none */
	bool counted; /* failures are counted for this address */
};

/* address may be NULL: not known. */
struct gate_visit gate_visit(const struct gate *gate, const char *address, const char *client_id);

/* Sorted by what the caller does next. */
enum gate_rc {
	GATE_OPEN,   /* look at the token */
	GATE_WHO,    /* ask gate_ask_user, with the name that the token says, NULL for none */
	GATE_CLOSED, /* refuse it unseen */
	GATE_LATER,  /* the device has come too often: it is to come again later */
};

enum gate_rc gate_ask(struct gate *gate, const struct gate_visit *visit, int64_t now_ms);
/* His token is good. GATE_OPEN or GATE_LATER: all that is his has come too often. */
enum gate_rc gate_ask_known(const struct gate *gate, const char *user, int64_t now_ms);
/* GATE_OPEN or GATE_CLOSED. */
enum gate_rc gate_ask_user(struct gate *gate, const struct gate_visit *visit, const char *user, int64_t now_ms);

enum gate_cost { GATE_SIGNATURE, GATE_READING };

/* The token was bad. user is who it said it is of, NULL: nobody. Returns for how long the address is closed from now on, 0: it is not, or was. */
int64_t gate_failed(struct gate *gate, const struct gate_visit *visit, const char *user, enum gate_cost cost, int64_t now_ms);

/* It was good. */
void gate_passed(struct gate *gate, const struct gate_visit *visit, const char *user, int64_t now_ms);

#endif
