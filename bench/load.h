/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_LOAD_H
#define HC_BENCH_LOAD_H
/* The load generator's options, and its scenarios: each runs to its end, prints a line of JSON to stdout, and dies if anything that
 * was delivered is wrong or missing. One thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/scene.h"

enum load_mode {
	LOAD_BARE, /* plain topics bench/<chat>, nobody logs in */
	LOAD_CHAT, /* HyperChat: users, hc/chat/<chat>/text, hc/me/inbox */
};

struct load_options {
	enum load_mode mode;
	unsigned port;
	unsigned pairs;     /* how many chats with one sender and one receiver */
	unsigned receivers; /* of the group */
	unsigned window;    /* messages of a sender that some receiver does not have yet */
	unsigned rate;      /* messages/s in all */
	unsigned count;     /* messages to catch up with; sessions that idle */
	unsigned messages;  /* pairs, group: of each sender, and then it ends; 0: by time */
	unsigned size;      /* of a body, bytes */
	double warmup_s, seconds_s;
	double every_s; /* a line of numbers each so many seconds, and what was measured begins anew; 0: at the end only */
	bool sender_inbox; /* senders read their own inbox, where isSent comes */
	unsigned broker_pid;
	struct users users;
};

void load_pairs(const struct load_options *options); /* traffic.c */
void load_group(const struct load_options *options);
void load_rate(const struct load_options *options);
void load_catch_up(const struct load_options *options); /* catch_up.c */
void load_idle(const struct load_options *options);     /* idle.c */
void load_storm(const struct load_options *options);    /* crowd.c */
void load_crowd(const struct load_options *options);
void load_awake(const struct load_options *options);
void load_loaded(const struct load_options *options);
void load_list(const struct load_options *options);     /* asking.c */
void load_receipts(const struct load_options *options); /* receipts.c */
void load_hostile(const struct load_options *options);  /* hostile.c */
void load_intruders(const struct load_options *options);

#endif
